//! The checks of a preflight report, what stops first.

use leptos::prelude::*;
use model::view::{Check, Verdict};

use crate::components::icon::Icon;

/// The checks as a list.
#[component]
pub fn Checks(checks: Vec<Check>) -> impl IntoView {
    let items = ordered(checks).into_iter().map(item).collect_view();
    view! { <ul class="findings checks">{items}</ul> }
}

fn item(check: Check) -> impl IntoView {
    let (symbol, class, verdict) = match check.verdict {
        Verdict::Pass => ("done", "", "Pass: "),
        Verdict::Warn => ("waiting", "unpaired", "Warning: "),
        Verdict::Fail => ("attention", "blocks", "Stops it: "),
    };
    view! {
        <li class=class>
            <Icon name=symbol/>
            <span>
                <span class="visually-hidden">{verdict}</span>
                <strong>{check.subject.title()}</strong>
                ": "
                {check.what}
            </span>
        </li>
    }
}

/// What stops before what is to be known, and that before what is as it should be; each in the
/// order of the report.
fn ordered(mut checks: Vec<Check>) -> Vec<Check> {
    checks.sort_by_key(|check| (std::cmp::Reverse(check.verdict), check.subject));
    checks
}

#[cfg(test)]
mod tests {
    //! The order in which checks are read.

    use model::view::CheckSubject;

    use super::*;

    #[test]
    fn what_stops_comes_first_and_what_passes_last() {
        let check = |subject, verdict| Check {
            subject,
            verdict,
            what: String::new(),
        };
        let shown = ordered(vec![
            check(CheckSubject::Replica, Verdict::Pass),
            check(CheckSubject::Power, Verdict::Warn),
            check(CheckSubject::Space, Verdict::Fail),
            check(CheckSubject::Disks, Verdict::Warn),
        ]);
        let subjects: Vec<_> = shown.iter().map(|it| it.subject).collect();
        let expected = [
            CheckSubject::Space,
            CheckSubject::Disks,
            CheckSubject::Power,
            CheckSubject::Replica,
        ];
        assert_eq!(subjects, expected);
    }
}
