//! The jobs page: which VMs each job names. After a commit they follow the production VM.

use std::collections::BTreeMap;

use model::{
    ApiError, Job,
    view::{JobView, JobsView},
};

use crate::{
    Service,
    lists::{Needle, first},
};

/// VMs of a job that are named.
const NAMED: usize = 50;

impl Service {
    /// The jobs of all sites, each once, with the first VMs that a filter lets through.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn jobs(&self, filter: &str) -> Result<JobsView, ApiError> {
        let estate = self.estate().await?;
        let all = estate.sites.iter().flat_map(|(site, ..)| &site.jobs);
        // A job that keeps replicas at two sites is listed with both.
        let once: BTreeMap<_, _> = all.map(|job| ((&job.name, &job.id), job)).collect();
        let needle = Needle::of(filter);
        let view = |job: &Job| {
            let found = job
                .vms
                .iter()
                .filter(|vm| needle.is_empty() || needle.is_in(&estate.vm_name(vm)));
            let (found, more) = first(found, NAMED);
            let vms = found.into_iter();
            let vms = vms
                .map(|vm| format!("{} at {}", estate.vm_name(vm), estate.site_name(&vm.site)))
                .collect();
            JobView {
                id: job.id.clone(),
                name: job.name.clone(),
                held: job.held,
                count: job.vms.len(),
                vms,
                more,
            }
        };
        Ok(JobsView {
            jobs: once.into_values().map(view).collect(),
        })
    }
}
