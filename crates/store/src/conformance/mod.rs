//! What every store must do, whatever database is below it. Each case gets a database of its own.

mod batches;
pub(crate) mod builders;
mod certificates;
mod drafts;
mod effects;
mod intents;
mod inventory;
mod proxies;
mod schema;
mod sessions;
mod sites;

use tempfile::TempDir;

use crate::Store;

/// A database that is empty at first and keeps what it was given when it is opened again.
trait Database {
    fn fresh() -> Self;

    async fn open(&self) -> Store;
}

struct Sqlite {
    dir: TempDir,
}

impl Database for Sqlite {
    fn fresh() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        Self { dir }
    }

    async fn open(&self) -> Store {
        let path = self.dir.path().join("landfall.db");
        Store::open_path(&path).await.expect("the store opens")
    }
}

macro_rules! suite {
    ($($module:ident::$case:ident)+) => {
        mod sqlite {
            use super::Database as _;

            $(
                #[tokio::test]
                async fn $case() {
                    super::$module::$case(&super::Sqlite::fresh()).await;
                }
            )+
        }
    };
}

suite! {
    sites::a_site_is_connected_changed_and_forgotten_with_what_was_read
    batches::finish_twice_is_one_batch
    batches::sessions_know_their_place_and_how_many_may_be_at_work
    batches::finish_twice_at_once_is_one_batch
    batches::a_busy_replica_leaves_nothing_of_the_batch
    certificates::the_newest_pass_is_certified
    drafts::a_draft_goes_on_in_another_browser
    drafts::the_slower_of_two_saves_is_refused
    drafts::a_discarded_draft_takes_its_dry_run_along
    effects::a_step_is_all_or_nothing
    effects::one_effect_is_at_work_at_a_time
    effects::an_effect_at_work_is_found_after_a_restart
    effects::log_lines_are_numbered_without_gaps
    effects::counters_of_several_passes_are_kept
    intents::every_kind_comes_back_as_it_was
    intents::an_intent_is_answered_once
    intents::lab_intents_are_found_newest_first
    inventory::a_failed_reading_keeps_what_was_known
    inventory::a_reader_that_goes_on_sees_what_one_that_begins_sees
    inventory::a_site_that_was_never_read_is_listed_apart
    inventory::an_inventory_that_stayed_as_it_was_is_only_younger
    inventory::moved_pointers_are_followed
    inventory::the_production_pointer_moves_only_when_told
    proxies::first_proxies_are_given_once
    proxies::a_proxy_is_added_once_and_its_state_changes
    proxies::what_carried_a_disk_comes_back_in_order
    schema::an_empty_database_is_migrated_and_opens_again
    schema::settings_and_audit_last
    sessions::a_session_comes_back_as_it_was
    sessions::one_session_is_at_work_per_replica
    sessions::the_slower_of_two_writers_is_refused
    sessions::lists_are_newest_first_and_apart
    sessions::past_ones_come_a_page_at_a_time
    sessions::those_at_work_are_followed
    sessions::a_limit_changes_while_the_machine_runs
}
