//! Building blocks: data in, callbacks out. None of them fetches anything.

pub mod after_fields;
pub mod checks;
pub mod confirm;
pub mod data_table;
pub mod dynamic;
pub mod error_summary;
pub mod field;
pub mod form;
pub mod icon;
pub mod list_nav;
pub mod live_status;
pub mod load;
pub mod mode_fields;
pub mod progress;
pub mod radio_card;
pub mod state_badge;
pub mod step_rail;
pub mod when;
