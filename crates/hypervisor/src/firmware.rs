//! What a VM's firmware keeps between two starts, on no disk of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// UEFI variables and the state of a TPM.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FirmwareState {
    /// The image of the UEFI variables, up to a few MiB; none where the VM has none yet.
    pub variables: Option<Vec<u8>>,
    /// The files of the TPM's state by name, some hundred KiB in all. They may hold secrets of the
    /// guest.
    pub tpm: BTreeMap<String, Vec<u8>>,
    /// What it has and nobody could read, as sentences.
    pub left: Vec<String>,
}

impl FirmwareState {
    /// Whether nothing can be carried.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.variables.is_none() && self.tpm.is_empty()
    }

    /// Whether the other holds the same; what could not be read is not looked at.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.variables, &self.tpm) == (&other.variables, &other.tpm)
    }

    /// What there is, in words: `UEFI variables and TPM state`; empty where there is nothing.
    #[must_use]
    pub fn words(&self) -> String {
        let variables = self.variables.as_ref().map(|_| "UEFI variables");
        let tpm = (!self.tpm.is_empty()).then_some("TPM state");
        let parts: Vec<_> = variables.into_iter().chain(tpm).collect();
        parts.join(" and ")
    }
}

/// No secrets.
impl std::fmt::Debug for FirmwareState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FirmwareState")
            .field("variables", &self.variables.as_ref().map(Vec::len))
            .field("tpm", &self.tpm.keys())
            .field("left", &self.left)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_there_is_and_no_secret() {
        let mut state = FirmwareState::default();
        assert!(state.is_empty() && state.words().is_empty());
        state.tpm.insert("tpm2-00.permall".to_owned(), vec![77, 78]);
        assert_eq!(state.words(), "TPM state");
        state.variables = Some(vec![77]);
        assert_eq!(state.words(), "UEFI variables and TPM state");
        assert!(!format!("{state:?}").contains("77"));
        let unread = FirmwareState {
            left: vec!["not read".to_owned()],
            ..state.clone()
        };
        assert!(unread.is_same(&state));
    }
}
