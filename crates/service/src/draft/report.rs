//! The plan of a draft as plain text.

use model::{ApiError, DraftId};

use super::{finish::in_order, several};
use crate::{
    Service, mode, placement,
    preflight::text::{Head, report},
};

impl Service {
    /// The preflight report and the estimate of a draft, as plain text.
    ///
    /// # Errors
    /// When there is no such draft.
    pub async fn draft_report(&self, id: &DraftId) -> Result<String, ApiError> {
        let body = self.draft(id).await?.body;
        let estate = self.estate().await?;
        let places = placement::of(&estate, &body);
        let checked = self.plan(id, &estate, &body, places.as_ref()).await?;
        let vms: Vec<_> = in_order(checked, &body)
            .into_iter()
            .map(|it| self.summary_of(it, &body))
            .collect();
        let mode_words = match &body.mode {
            Some(mode) => format!("Failback mode: {}", mode::words(mode)),
            None => "Failback mode: not chosen yet".to_owned(),
        };
        let head = Head {
            made: self.now().utc_text(),
            destination: body.destination,
            choices: vec![
                mode_words,
                super::view::after_words(&body),
                several::words(&body),
            ],
        };
        Ok(report(&head, &vms))
    }
}
