//! The jobs page: which VMs each job names. After a commit they follow the production VM.

use std::collections::BTreeMap;

use model::{
    ApiError,
    view::{JobView, JobsView},
};

use crate::Service;

impl Service {
    /// The jobs of all sites, each once.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn jobs(&self) -> Result<JobsView, ApiError> {
        let estate = self.estate().await?;
        let all = estate.sites.iter().flat_map(|(site, ..)| &site.jobs);
        // A job that keeps replicas at two sites is listed with both.
        let once: BTreeMap<_, _> = all.map(|job| ((&job.name, &job.id), job)).collect();
        let jobs = once.into_values().map(|job| JobView {
            id: job.id.clone(),
            name: job.name.clone(),
            held: job.held,
            vms: job
                .vms
                .iter()
                .map(|vm| format!("{} at {}", estate.vm_name(vm), estate.site_name(&vm.site)))
                .collect(),
        });
        Ok(JobsView {
            jobs: jobs.collect(),
        })
    }
}
