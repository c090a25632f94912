//! Texts beside the pages: a draft's report, and the files of a session that a browser saves, its
//! certificate and its evidence.

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use model::{DraftId, SessionId};

use crate::{contexts::Contexts, events::refuse};

/// The routes of the files.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(contexts: Contexts) -> Router<S> {
    Router::new()
        .route("/api/v1/sessions/{id}/certificate", get(certificate))
        .route("/api/v1/sessions/{id}/evidence", get(evidence))
        .route("/api/v1/drafts/{id}/report", get(report))
        .with_state(contexts)
}

async fn certificate(State(contexts): State<Contexts>, Path(id): Path<String>) -> Response {
    let file = contexts
        .service()
        .certificate_file(&SessionId::new(id))
        .await;
    match file {
        Ok((name, text)) => saved(&name, text),
        Err(error) => refuse(error),
    }
}

async fn evidence(State(contexts): State<Contexts>, Path(id): Path<String>) -> Response {
    let evidence = contexts
        .service()
        .session_evidence(&SessionId::new(&*id))
        .await;
    match evidence {
        Ok(evidence) => {
            let name = format!("{}-{id}-evidence.json", evidence.plan.vm_name);
            let text = serde_json::to_string_pretty(&evidence);
            saved(&name, text.unwrap_or_default() + "\n")
        }
        Err(error) => refuse(error),
    }
}

/// The plan of a draft, to be read as it is.
async fn report(State(contexts): State<Contexts>, Path(id): Path<String>) -> Response {
    match contexts.service().draft_report(&DraftId::new(id)).await {
        Ok(text) => ([(header::CACHE_CONTROL, "no-store")], text).into_response(),
        Err(error) => refuse(error),
    }
}

/// An answer that browsers save under a name.
fn saved(name: &str, text: String) -> Response {
    // Names of VMs may hold anything.
    let safe = |letter: char| match letter {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' => letter,
        _ => '_',
    };
    let name: String = name.chars().map(safe).collect();
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            header::CONTENT_DISPOSITION,
            disposition.unwrap_or(HeaderValue::from_static("attachment")),
        ),
    ];
    (headers, text).into_response()
}
