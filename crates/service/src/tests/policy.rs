//! Storage policies of original VMs in the wizard.

use model::{
    ByteCount, Datastore, DatastoreId, DraftId, Policy, PolicyChoice, PolicyId, ReplicaId,
    view::{DraftView, PolicyRow, WizardStep},
};

use super::fixture::{Fixture, GIB, actor};

/// web-01 had Gold at replication and has `now` now; its site knows `known`.
async fn fixture(now: Option<&str>, known: &[&str]) -> Fixture {
    let mut fixture = Fixture::new().await;
    fixture.replica("r-web").stored_policy = Some("Gold".to_owned());
    let vm = fixture.production_vm("web-01");
    vm.storage_policy = now.map(str::to_owned);
    vm.disks[0].datastore = Some(DatastoreId::new("bulk"));
    // Else it would be drift.
    fixture.replica_vm("web-01-replica").storage_policy = now.map(str::to_owned);
    fixture.production.storage_policies = true;
    let resources = &mut fixture.production.resources;
    resources.policies = known
        .iter()
        .map(|name| Policy {
            id: PolicyId::new(*name),
            name: (*name).to_owned(),
        })
        .collect();
    resources.datastores = vec![Datastore {
        id: DatastoreId::new("bulk"),
        name: "Bulk".to_owned(),
        capacity: ByteCount(GIB),
        free: ByteCount(GIB),
        default_policy: Some(PolicyId::new("Bronze")),
    }];
    fixture
}

async fn draft(fixture: &Fixture) -> DraftId {
    fixture.read_sites().await;
    fixture.complete_draft(&["r-web"]).await
}

async fn view(fixture: &Fixture, id: &DraftId) -> DraftView {
    fixture.service.draft_view(id).await.unwrap()
}

fn asks(view: &DraftView) -> bool {
    view.steps
        .iter()
        .any(|(step, _)| *step == WizardStep::StoragePolicy)
}

async fn choose(fixture: &Fixture, id: &DraftId, choice: PolicyChoice) -> Result<(), String> {
    let choices = vec![(ReplicaId::new("r-web"), Some(choice))];
    let operator = actor();
    let set = fixture.service.draft_set_policies(&operator, id, choices);
    set.await.map_err(|error| error.message)
}

/// The policy that the session associates; none where it leaves it alone.
async fn finished(fixture: &Fixture, id: &DraftId) -> Option<Option<String>> {
    fixture.service.finish(&actor(), id).await.unwrap();
    let rows = fixture.store.session_list_active().await.unwrap();
    let row = rows.first().unwrap();
    row.machine
        .storage_policy
        .then(|| row.choices.storage_policy.clone())
}

#[tokio::test]
async fn an_unchanged_policy_is_no_question_and_is_associated_again() {
    let fixture = fixture(Some("Gold"), &["Gold", "Bronze"]).await;
    let id = draft(&fixture).await;
    let shown = view(&fixture, &id).await;
    assert!(!asks(&shown) && shown.policies.is_empty());
    assert_eq!(shown.summary[0].policy.as_deref(), Some("Gold"));
    assert_eq!(finished(&fixture, &id).await, Some(Some("Gold".to_owned())));
}

#[tokio::test]
async fn a_policy_that_was_changed_is_asked_for_before_finish() {
    let fixture = fixture(Some("Silver"), &["Gold", "Silver", "Bronze"]).await;
    let id = draft(&fixture).await;
    let shown = view(&fixture, &id).await;
    assert!(asks(&shown));
    let [PolicyRow { why, options, .. }] = shown.policies.as_slice() else {
        panic!("{:?}", shown.policies);
    };
    assert_eq!(why, "It had Gold at replication and has Silver now.");
    let names: Vec<_> = options.iter().map(|it| it.policy.as_deref()).collect();
    assert_eq!(names, [Some("Silver"), Some("Bronze"), Some("Gold")]);
    assert!(options.iter().all(|it| it.why_not.is_none()));
    let refused = fixture.service.finish(&actor(), &id).await.unwrap_err();
    assert!(
        refused.message.contains("storage policy is to be chosen"),
        "{refused:?}"
    );
    choose(&fixture, &id, PolicyChoice::Default).await.unwrap();
    assert_eq!(
        finished(&fixture, &id).await,
        Some(Some("Bronze".to_owned()))
    );
}

#[tokio::test]
async fn a_policy_that_is_gone_cannot_be_chosen() {
    let fixture = fixture(None, &["Bronze"]).await;
    let id = draft(&fixture).await;
    let shown = view(&fixture, &id).await;
    assert_eq!(
        shown.policies[0].why,
        "The policy Gold that it had at replication is gone."
    );
    let refused = choose(&fixture, &id, PolicyChoice::Stored)
        .await
        .unwrap_err();
    assert_eq!(refused, "Gold is gone.");
    assert_eq!(view(&fixture, &id).await.policies[0].chosen, None);
    let nobody = vec![(ReplicaId::new("nobody"), Some(PolicyChoice::Current))];
    let operator = actor();
    let set = fixture.service.draft_set_policies(&operator, &id, nobody);
    assert!(set.await.is_err(), "a replica that is not asked about");
    choose(&fixture, &id, PolicyChoice::Current).await.unwrap();
    assert_eq!(finished(&fixture, &id).await, Some(None));
}

#[tokio::test]
async fn where_the_platform_has_no_policies_nothing_is_associated() {
    let mut fixture = fixture(Some("Silver"), &["Gold"]).await;
    fixture.production.storage_policies = false;
    let id = draft(&fixture).await;
    assert!(!asks(&view(&fixture, &id).await));
    assert_eq!(finished(&fixture, &id).await, None);
}
