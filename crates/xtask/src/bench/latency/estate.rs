//! The estate that the latency is measured on: generated VMs, sessions that wait for a person, and a
//! draft for each destination with as many VMs chosen. All of it is made as a person makes it.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::http::{Connection, form};

/// Generated VMs are kept by jobs of this name.
const FILTER: &str = "Branch";
/// Sessions that run at once until all wait.
const AT_ONCE: &str = "8";
/// How long the sessions may take until all wait.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// What was made.
#[derive(Debug)]
pub(super) struct Estate {
    /// The batch of all sessions.
    pub(super) batch: String,
    /// One of the sessions.
    pub(super) session: String,
    /// A draft for the original VMs, for recovered ones, and for a specified location.
    pub(super) drafts: [String; 3],
}

/// Makes so many sessions, and drafts of as many VMs.
pub(super) fn make(connection: &mut Connection, sessions: usize) -> Result<Estate> {
    let started = draft(connection, sessions, "original_vm")?;
    let answer = send(connection, &started, "summary", &[("press", "finish")])?;
    let batch = last_part(&answer, "batches")?;
    let found = wait(connection, &batch, sessions)?;
    // What has a session cannot be chosen again, so each draft takes those that come first.
    let mut drafts = Vec::new();
    for destination in ["original_vm", "recovered_vm", "specified_location"] {
        drafts.push(draft(connection, sessions, destination)?);
    }
    let drafts: [String; 3] = drafts
        .try_into()
        .map_err(|_| anyhow::anyhow!("three drafts were made"))?;
    Ok(Estate {
        batch,
        session: found,
        drafts,
    })
}

/// Begins a draft and takes it to its summary.
fn draft(connection: &mut Connection, vms: usize, destination: &str) -> Result<String> {
    let answer = connection.post("/api/console/draft/create", "")?;
    let location = answer.location.context("a new draft leads somewhere")?;
    let id = location
        .split('/')
        .nth(2)
        .context("a draft's id")?
        .to_owned();
    let mut left = vms;
    let mut page = 0;
    while left > 0 {
        page += 1;
        let shown = read(
            connection,
            &id,
            "replica",
            &format!("&query[filter]={FILTER}&query[page]={page}"),
        )?;
        let ids = texts(&shown["replicas"], "id");
        ensure!(!ids.is_empty(), "the estate has too few replicas");
        let ticked = ids.iter().take(left);
        left -= ticked.len();
        let mut fields = vec![("paged", "true"), ("filter", FILTER), ("press", "filter")];
        fields.extend(ids.iter().map(|id| ("shown[]", id.as_str())));
        fields.extend(ticked.map(|id| ("replicas[]", id.as_str())));
        send(connection, &id, "replicas", &fields)?;
    }
    send(
        connection,
        &id,
        "destination",
        &[("destination", destination), ("press", "next")],
    )?;
    if destination == "original_vm" {
        choose_policies(connection, &id)?;
    }
    let mode = [("mode", "manual"), ("at_once", AT_ONCE), ("press", "next")];
    send(connection, &id, "mode", &mode)?;
    Ok(id)
}

fn choose_policies(connection: &mut Connection, id: &str) -> Result<()> {
    for page in 1.. {
        let shown = read(
            connection,
            id,
            "storage_policy",
            &format!("&query[page]={page}"),
        )?;
        let ids = texts(&shown["policies"], "replica");
        let mut fields = vec![("press", "page-1")];
        fields.extend(ids.iter().map(|id| ("replicas[]", id.as_str())));
        fields.extend(ids.iter().map(|_| ("policies[]", "current")));
        send(connection, id, "policy", &fields)?;
        if shown["page"]["pages"].as_u64().unwrap_or(1) <= page {
            break;
        }
    }
    Ok(())
}

/// Waits until all sessions of a batch wait for a person; the id of one of them.
fn wait(connection: &mut Connection, batch: &str, sessions: usize) -> Result<String> {
    let begun = Instant::now();
    loop {
        let answer = connection.get(&format!("/api/console/batch?id={batch}"))?;
        let view: Value = serde_json::from_slice(&answer.body).context("a batch")?;
        let headline = view["headline"].as_str().unwrap_or_default();
        if headline.ends_with(&format!("{sessions} waiting for you")) {
            let first = texts(&view["sessions"], "id").into_iter().next();
            return first.context("a session");
        }
        ensure!(
            begun.elapsed() < PATIENCE,
            "the sessions take too long: {headline}"
        );
        crate::console::say(format_args!("  {headline}"));
        thread::sleep(Duration::from_secs(5));
    }
}

/// A draft as a step shows it.
fn read(connection: &mut Connection, id: &str, step: &str, query: &str) -> Result<Value> {
    let answer = connection.get(&format!("/api/console/draft?id={id}&step={step}{query}"))?;
    let text = String::from_utf8_lossy(&answer.body);
    let first: String = text.chars().take(200).collect();
    ensure!(
        answer.status == 200,
        "step {step}: {} {first}",
        answer.status
    );
    serde_json::from_str(&text).with_context(|| format!("step {step}"))
}

/// Sends a step's form; where it leads.
fn send(
    connection: &mut Connection,
    id: &str,
    step: &str,
    fields: &[(&str, &str)],
) -> Result<String> {
    let mut all = vec![("id", id)];
    all.extend(fields);
    let answer = connection.post(&format!("/api/console/draft/{step}"), &form(&all))?;
    let location = answer.location.unwrap_or_default();
    ensure!(
        answer.status == 302 && !location.contains("__err"),
        "step {step} was refused: {} {location}",
        answer.status
    );
    Ok(location)
}

fn texts(rows: &Value, field: &str) -> Vec<String> {
    let rows = rows.as_array().into_iter().flatten();
    rows.filter_map(|row| row[field].as_str().map(str::to_owned))
        .collect()
}

fn last_part(location: &str, of: &str) -> Result<String> {
    let id = location.rsplit('/').next().unwrap_or_default();
    ensure!(location.contains(of), "Finish leads to {location}");
    Ok(id.to_owned())
}
