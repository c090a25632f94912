//! What rows offer and what the tab says.

use model::{ByteCount, ReplicaId, Timestamp, VisibleState, view::ListQuery};

use super::*;

fn replica(operations: Vec<Allowed>) -> ReplicaView {
    ReplicaView {
        id: ReplicaId::new("r-1"),
        name: "web-01-replica".to_owned(),
        production_name: "web-01".to_owned(),
        original_location: "Production / web-01".to_owned(),
        replica_location: "DR / web-01-replica".to_owned(),
        state: VisibleState::Failover,
        authoritative: "The DR site".to_owned(),
        power: PowerState::On,
        production_power: Some(PowerState::Off),
        size: ByteCount(1 << 30),
        allocated: ByteCount(1 << 29),
        restore_point: None,
        running_since: None,
        job: "Web tier".to_owned(),
        on_hold: false,
        session: None,
        needs_attention: false,
        operations,
    }
}

fn start_failback(why_not: Option<&str>) -> Vec<Allowed> {
    vec![Allowed {
        operation: Operation::StartFailback,
        why_not: why_not.map(str::to_owned),
    }]
}

#[test]
fn a_row_offers_what_the_answer_allows() {
    let why = "It is not in Failover.";
    let rows = [
        replica(start_failback(None)),
        replica(start_failback(Some(why))),
        replica(Vec::new()),
    ];
    assert_eq!(offer(&rows[0]), Offer::Possible);
    assert_eq!(offer(&rows[1]), Offer::NotNow(why.to_owned()));
    assert_eq!(offer(&rows[2]), Offer::Nothing);
    assert_eq!(possible(&rows), 1);
}

#[test]
fn a_held_job_says_so_once() {
    let mut held = replica(Vec::new());
    assert_eq!(hold_words(&held), "");
    held.on_hold = true;
    assert_eq!(hold_words(&held), "on hold");
    held.job = "Web tier, replication on hold".to_owned();
    assert_eq!(hold_words(&held), "");
}

#[test]
fn the_tab_counts_what_waits_on_all_pages() {
    let page = PageInfo::of(&ListQuery::default(), 0, 0);
    let mut start = StartView {
        now: Timestamp(0),
        headline: String::new(),
        sites: Vec::new(),
        replicas: Vec::new(),
        replica_page: page,
        running: Vec::new(),
        running_page: page,
        waiting: 101,
        past: Vec::new(),
        past_page: page,
        open_to_network: false,
    };
    assert_eq!(tab_title(&start), "(101) Failback");
    start.waiting = 0;
    assert_eq!(tab_title(&start), "Failback");
}

#[test]
fn each_list_of_the_page_keeps_what_is_asked_of_the_others() {
    let asked = StartQuery {
        replicas: ListQuery {
            filter: "web".to_owned(),
            ..ListQuery::default()
        },
        past: ListQuery {
            page: 2,
            ..ListQuery::default()
        },
        ..StartQuery::default()
    };
    let places = places(&asked);
    assert_eq!(
        places.replicas.page_href(3),
        "/?past_page=2&filter=web&page=3"
    );
    assert_eq!(
        places.running.page_href(2),
        "/?filter=web&past_page=2&running_page=2"
    );
}

#[test]
fn a_pair_of_which_both_run_is_pointed_out() {
    let mut pair = replica(Vec::new());
    assert!(!both_run(&pair));
    pair.production_power = Some(PowerState::On);
    assert!(both_run(&pair));
    pair.power = PowerState::Off;
    assert!(!both_run(&pair));
}
