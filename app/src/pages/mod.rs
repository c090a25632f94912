//! One folder per feature, in the words of the product.

pub mod batch;
pub mod disk_map;
pub mod evidence;
pub mod failback;
pub mod help;
pub mod jobs;
pub mod lab;
mod not_found;
pub mod proxies;
pub mod session;
pub mod sites;
pub mod start;

pub use not_found::NotFound;
