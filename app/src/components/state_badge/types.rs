//! What a badge says: a colour with a meaning, a shape, and the word.

/// One colour per meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Something works.
    Running,
    /// A person's decision is due.
    Waiting,
    /// It succeeded.
    Done,
    /// A person must act.
    Attention,
    /// Off or past.
    Off,
}

impl Tone {
    /// The style class.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Running => "badge tone-running",
            Self::Waiting => "badge tone-waiting",
            Self::Done => "badge tone-done",
            Self::Attention => "badge tone-attention",
            Self::Off => "badge tone-off",
        }
    }
}

/// The shape, which tells states apart without colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// It runs.
    On,
    /// It does not run.
    Off,
    /// Work is being done.
    Working,
    /// A time is awaited.
    Clock,
    /// A person is awaited.
    Waiting,
    /// Held.
    Paused,
    /// Finished well.
    Done,
    /// Ended otherwise.
    Stopped,
    /// Something is wrong.
    Attention,
}

impl Shape {
    /// The symbol of the sprite.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Working => "working",
            Self::Clock => "clock",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Attention => "attention",
        }
    }
}

/// A state as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Badge {
    /// The colour's meaning.
    pub tone: Tone,
    /// The shape.
    pub shape: Shape,
    /// The word.
    pub words: &'static str,
}

impl Badge {
    /// A badge of its three parts.
    pub const fn new(tone: Tone, shape: Shape, words: &'static str) -> Self {
        Self { tone, shape, words }
    }
}
