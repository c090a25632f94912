//! The jobs page.

use model::{Job, JobId};

use super::fixture::Fixture;

#[tokio::test]
async fn each_job_is_listed_once_with_the_vms_that_it_names() {
    let mut fixture = Fixture::new().await;
    let vms = fixture
        .production
        .vms
        .iter()
        .map(|vm| vm.vm.clone())
        .take(2);
    let job = Job {
        id: JobId::new("weekly"),
        name: "Backup weekly".to_owned(),
        held: true,
        vms: vms.collect(),
    };
    fixture.production.jobs.push(job.clone());
    fixture.dr.jobs.push(job);
    fixture.read_sites().await;
    let jobs = fixture.service.jobs("").await.unwrap().jobs;
    let listed: Vec<_> = jobs
        .iter()
        .map(|job| (job.name.as_str(), job.held, job.vms.join(", ")))
        .collect();
    assert_eq!(
        listed,
        [
            (
                "Backup weekly",
                true,
                "web-01 at Hamburg, db-01 at Hamburg".to_owned()
            ),
            ("Nightly", false, String::new()),
        ]
    );
}
