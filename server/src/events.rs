//! Live streams over server-sent events: whole snapshots, coalesced and without an id; log lines
//! with their number as id, so that a reconnect goes on where the line broke.

use std::{collections::BTreeMap, convert::Infallible, time::Duration};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::get,
};
use model::{
    ApiError, BatchId, ErrorKind, SessionId, Timestamp,
    view::{BatchView, ListQuery, SessionView, StartQuery},
};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};

use crate::contexts::Contexts;

/// A snapshot is made this often, and sent when it differs from the last.
const EVERY: Duration = Duration::from_millis(500);
/// Events that a slow browser has not taken yet; then the stream waits for it.
const QUEUE: usize = 16;

/// The fields of an address's query: which page of a list is followed.
type Fields = BTreeMap<String, String>;

/// The routes of the live streams.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(contexts: Contexts) -> Router<S> {
    Router::new()
        .route("/api/v1/events", get(start))
        .route("/api/v1/sessions/{id}/events", get(session))
        .route("/api/v1/batches/{id}/events", get(batch))
        .with_state(contexts)
}

async fn start(State(contexts): State<Contexts>, Query(fields): Query<Fields>) -> Response {
    let asked = StartQuery::read(|name| fields.get(name).cloned());
    let (sender, receiver) = mpsc::channel(QUEUE);
    let follow = contexts.clone();
    tokio::spawn(async move {
        let mut last = String::new();
        loop {
            let Ok(view) = follow.service().start(&asked).await else {
                return;
            };
            // The age of the answer alone is no news.
            let news = json(&model::view::StartView {
                now: Timestamp(0),
                ..view.clone()
            });
            if news != last {
                last = news;
                if sender.send(named("start", &view)).await.is_err() {
                    return;
                }
            }
            if !wait(&follow, &sender).await {
                return;
            }
        }
    });
    stream(receiver, &contexts)
}

async fn batch(
    State(contexts): State<Contexts>,
    Path(id): Path<String>,
    Query(fields): Query<Fields>,
) -> Response {
    let id = BatchId::new(id);
    let asked = ListQuery::read("", |name| fields.get(name).cloned());
    if let Err(error) = contexts.service().batch_view(&id, &asked, None).await {
        return refuse(error);
    }
    let (sender, receiver) = mpsc::channel(QUEUE);
    let follow = contexts.clone();
    tokio::spawn(async move {
        let mut last = String::new();
        while let Ok(view) = follow.service().batch_view(&id, &asked, None).await {
            let news = json(&BatchView {
                now: Timestamp(0),
                ..view.clone()
            });
            if news != last {
                last = news;
                if sender.send(named("batch", &view)).await.is_err() {
                    return;
                }
            }
            if !wait(&follow, &sender).await {
                return;
            }
        }
    });
    stream(receiver, &contexts)
}

async fn session(
    State(contexts): State<Contexts>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let id = SessionId::new(id);
    if let Err(error) = contexts.service().session_view(&id).await {
        return refuse(error);
    }
    let after = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let (sender, receiver) = mpsc::channel(QUEUE);
    let follow = contexts.clone();
    tokio::spawn(async move { follow_session(&follow, &id, after, &sender).await });
    stream(receiver, &contexts)
}

async fn follow_session(
    contexts: &Contexts,
    id: &SessionId,
    mut after: u64,
    sender: &mpsc::Sender<Event>,
) {
    let mut last = String::new();
    loop {
        let service = contexts.service();
        let Ok(lines) = service.session_log_after(id, after).await else {
            return;
        };
        for line in lines {
            after = line.seq;
            let event = named("log", &line).id(line.seq.to_string());
            if sender.send(event).await.is_err() {
                return;
            }
        }
        let Ok(view) = service.session_view(id).await else {
            return;
        };
        let view = SessionView {
            log: Vec::new(),
            ..view
        };
        let news = json(&SessionView {
            now: Timestamp(0),
            ..view.clone()
        });
        if news != last {
            last = news;
            if sender.send(named("snapshot", &view)).await.is_err() {
                return;
            }
        }
        if !wait(contexts, sender).await {
            return;
        }
    }
}

/// Waits for the next look; false when the server stops or the browser has gone.
async fn wait(contexts: &Contexts, sender: &mpsc::Sender<Event>) -> bool {
    tokio::select! {
        () = contexts.shutdown().cancelled() => false,
        () = sender.closed() => false,
        () = tokio::time::sleep(EVERY) => true,
    }
}

fn stream(receiver: mpsc::Receiver<Event>, contexts: &Contexts) -> Response {
    let shutdown = contexts.shutdown().clone();
    let events = ReceiverStream::new(receiver).map(Ok::<_, Infallible>);
    let until_stop = futures::StreamExt::take_until(events, async move {
        shutdown.cancelled().await;
    });
    Sse::new(until_stop)
        .keep_alive(KeepAlive::default())
        .into_response()
}

fn named(name: &str, data: &impl Serialize) -> Event {
    Event::default().event(name).data(json(data))
}

fn json(data: &impl Serialize) -> String {
    serde_json::to_string(data).unwrap_or_default()
}

pub(crate) fn refuse(error: ApiError) -> Response {
    let status = match error.kind {
        ErrorKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (status, Json(error)).into_response()
}
