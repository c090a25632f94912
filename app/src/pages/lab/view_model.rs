//! From the lab's answer to what its page asks and says.

use model::{ReplicaId, view::LabView};

/// A confirmation that the address asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Reset the lab.
    Reset,
    /// Fail a replica over.
    FailOver {
        /// Which.
        id: ReplicaId,
        /// Its name.
        name: String,
    },
}

/// The question of an address; none when it is not possible now.
pub fn question(lab: &LabView, confirm: Option<&str>, replica: Option<&str>) -> Option<Question> {
    match confirm? {
        "reset" => lab.reset_why_not.is_none().then_some(Question::Reset),
        "fail-over" => {
            let (id, name) = lab
                .can_fail_over
                .iter()
                .find(|(id, _)| Some(id.as_str()) == replica)?;
            Some(Question::FailOver {
                id: id.clone(),
                name: name.clone(),
            })
        }
        _ => None,
    }
}

/// What is at work, or how the newest work ended.
pub fn status(lab: &LabView) -> String {
    if lab.resetting {
        "The lab is being made anew. This takes some seconds.".to_owned()
    } else {
        lab.last_result.clone().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lab() -> LabView {
        LabView {
            directory: "/data/lab".to_owned(),
            resetting: false,
            last_result: Some("The lab was reset.".to_owned()),
            reset_why_not: None,
            can_fail_over: vec![(ReplicaId::new("r-1"), "web-01-replica".to_owned())],
            more: 0,
        }
    }

    #[test]
    fn only_what_is_possible_is_asked() {
        let mut lab = lab();
        assert_eq!(question(&lab, None, None), None);
        assert_eq!(question(&lab, Some("reset"), None), Some(Question::Reset));
        assert_eq!(question(&lab, Some("fail-over"), Some("r-2")), None);
        assert!(question(&lab, Some("fail-over"), Some("r-1")).is_some());
        lab.reset_why_not = Some("A session is at work.".to_owned());
        assert_eq!(question(&lab, Some("reset"), None), None);
    }

    #[test]
    fn work_hides_the_older_result() {
        let mut lab = lab();
        assert_eq!(status(&lab), "The lab was reset.");
        lab.resetting = true;
        assert!(status(&lab).starts_with("The lab is being made anew."));
    }
}
