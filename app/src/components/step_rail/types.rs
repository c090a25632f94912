//! What the rail shows of one step.

/// Where the operator is with a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Chosen before.
    Done,
    /// The one in view.
    Here,
    /// Still to come.
    ToCome,
}

/// One step on the rail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RailStep {
    /// Its title.
    pub title: &'static str,
    /// Its address; none while it cannot be opened.
    pub href: Option<String>,
    /// Where the operator is with it.
    pub progress: Progress,
}
