//! One Finish of several replicas, of which only some may run at once: the order is kept, what
//! waits says why, and the whole batch is asked at once.

use model::{
    Outcome, Timestamp, VisibleState,
    view::{BatchView, SessionView},
};

use crate::{
    case::{Case, LIMIT},
    console::{Console, location, until},
};

const VMS: [&str; 3] = ["mail-01", "wiki-01", "web-01"];

/// Goes through the wizard with three VMs, web-01 first, one at a time; the batch's page.
fn finish(console: &Console) -> String {
    let replicas = until("the replicas", LIMIT, || {
        let view = console.start_view()?;
        // Which policies are a question is known when production was read, too.
        if view.sites.len() < 2 {
            return None;
        }
        let of = |vm: &str| {
            let name = format!("{vm}-replica");
            let found = view.replicas.iter().find(|it| it.name == name)?;
            Some(found.id.to_string())
        };
        VMS.iter().map(|vm| of(vm)).collect::<Option<Vec<_>>>()
    });
    let form: Vec<_> = replicas
        .iter()
        .enumerate()
        .map(|(index, id)| (format!("preselect[{index}]"), id.clone()))
        .collect();
    let created = post(console, "create", &form);
    let draft = created.split('/').nth(2).unwrap_or_default().to_owned();
    let fields = |step: &[(&str, &str)]| {
        let mut fields = vec![("id".to_owned(), draft.clone())];
        let step = step
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        fields.extend(step);
        fields
    };
    post(
        console,
        "destination",
        &fields(&[("destination", "original_vm"), ("press", "next")]),
    );
    // Two of them do not have the policy of replication any more; the third is no question.
    let mut policy = fields(&[("press", "next")]);
    for (index, replica) in replicas.iter().take(2).enumerate() {
        policy.extend([
            (format!("replicas[{index}]"), replica.clone()),
            (format!("policies[{index}]"), "current".to_owned()),
        ]);
    }
    post(console, "policy", &policy);
    let mut mode = fields(&[("mode", "manual"), ("at_once", "1"), ("press", "next")]);
    for (index, (replica, place)) in replicas.iter().zip(["3", "2", "1"]).enumerate() {
        mode.extend([
            (format!("replicas[{index}]"), replica.clone()),
            (format!("places[{index}]"), place.to_owned()),
            (format!("modes[{index}]"), String::new()),
            (format!("ats[{index}]"), String::new()),
        ]);
    }
    post(console, "mode", &mode);
    let page = post(console, "summary", &fields(&[("press", "finish")]));
    assert!(page.starts_with("/batches/"), "{page}");
    page
}

/// Where a form of the wizard leads.
fn post(console: &Console, step: &str, fields: &[(String, String)]) -> String {
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    let answer = console
        .post(&format!("/api/console/draft/{step}"), &fields)
        .expect("an answer");
    assert_eq!(answer.status, 302, "{step}: {}", answer.body);
    let location = location(&answer);
    assert!(!location.contains("__err"), "{step}: {location}");
    location
}

fn batch(console: &Console, page: &str) -> Option<BatchView> {
    let id = page.strip_prefix("/batches/")?;
    let answer = console.get(&format!("/api/console/batch?id={id}"))?;
    serde_json::from_str(&answer.body).ok()
}

fn act(console: &Console, view: &BatchView, operation: &str, sessions: &[usize]) {
    let mut form = vec![("id".to_owned(), view.id.to_string())];
    form.push(("operation".to_owned(), operation.to_owned()));
    for (index, session) in sessions.iter().enumerate() {
        let id = view.sessions[*session].id.to_string();
        form.push((format!("sessions[{index}]"), id));
    }
    let form: Vec<_> = form
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    drop(console.post("/api/console/batch/act", &form));
}

fn begun(session: &SessionView) -> Option<Timestamp> {
    session
        .steps
        .iter()
        .filter_map(|step| step.started_at)
        .min()
}

#[test]
fn sessions_of_a_batch_wait_for_their_turn_in_order_and_say_why() {
    let case = Case::sample("web-01");
    let console = case.start(None);
    let page = finish(&console);
    let view = until("the batch", LIMIT, || batch(&console, &page));
    let names: Vec<_> = view.sessions.iter().map(|it| it.vm_name.as_str()).collect();
    assert_eq!(names, ["web-01", "wiki-01", "mail-01"]);
    let first = case.session(&console, "the first", |_| true);
    console.ask(&first, &[("operation", "set_limit"), ("limit_mib", "1")]);
    let view = until("a queue", LIMIT, || {
        batch(&console, &page).filter(|view| view.sessions[1].queued.is_some())
    });
    assert_eq!(view.sessions[0].queued, None);
    let why = |at: usize| view.sessions[at].queued.clone().unwrap_or_default();
    assert!(
        why(1).contains("1 may run at once: it is next"),
        "{}",
        why(1)
    );
    assert!(why(2).ends_with("1 is before it."), "{}", why(2));
    assert_eq!(view.headline, "3 sessions, 1 at work, 2 in the queue");
    let waiting = console
        .session(view.sessions[2].id.as_str())
        .expect("there");
    assert_eq!(begun(&waiting), None, "nothing was done");

    // It survives the console, and the last in the queue leaves it untouched.
    drop(console);
    let console = case.start(None);
    act(&console, &view, "cancel", &[2]);
    let ended = until("cancel", LIMIT, || {
        let session = console.session(view.sessions[2].id.as_str())?;
        session.summary.outcome.is_some().then_some(session)
    });
    assert_eq!(ended.summary.outcome, Some(Outcome::Cancelled));
    assert_eq!(begun(&ended), None, "nothing was done");
    let second = console
        .session(view.sessions[1].id.as_str())
        .expect("there");
    assert!(second.summary.queued.is_some(), "{:?}", second.summary);

    console.ask(&first, &[("operation", "set_limit"), ("limit_mib", "0")]);
    let ready = until("both ready", LIMIT, || {
        batch(&console, &page).filter(|view| {
            let two = &view.sessions[..2];
            two.iter().all(|it| it.state == VisibleState::ReadyToSwitch)
        })
    });
    let of = |at: usize| {
        console
            .session(ready.sessions[at].id.as_str())
            .expect("there")
    };
    let (one, two) = (of(0), of(1));
    let done = one.steps.iter().filter_map(|step| step.done_at).max();
    assert!(
        begun(&two) >= done,
        "the second began before the first was done"
    );

    act(&console, &ready, "undo", &[0, 1]);
    let over = until("undo of both", LIMIT, || {
        batch(&console, &page).filter(|view| view.sessions.iter().all(|it| it.outcome.is_some()))
    });
    assert_eq!(over.headline, "3 sessions, 3 over");
    assert!(over.actions.is_empty());
}
