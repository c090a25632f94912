//! VMs by name and identity, so that a replica's match among thousands is not searched for.

use std::collections::{BTreeSet, HashMap};

use model::VmInfo;

use super::index::{Index, Place};

/// The VMs that are no replicas, in their order, and which of them may match by name or identity.
#[derive(Debug, Default)]
pub(super) struct ByName {
    /// Each with its name in lower case.
    vms: Vec<(Place, Box<str>)>,
    /// Indexes by each word of the name: what holds a name as words of its own holds each of its words.
    by_word: HashMap<Box<str>, Vec<usize>>,
    by_identity: HashMap<Box<str>, Vec<usize>>,
}

impl ByName {
    pub(super) fn of<'a>(vms: impl Iterator<Item = (Place, &'a VmInfo)>) -> Self {
        let mut all = Self::default();
        for (at, (place, vm)) in vms.enumerate() {
            let name = vm.name.to_lowercase();
            for word in words_of(&name) {
                all.by_word.entry(word.into()).or_default().push(at);
            }
            if let Some(identity) = &vm.identity {
                let places = all.by_identity.entry(identity.as_str().into());
                places.or_default().push(at);
            }
            all.vms.push((place, name.into()));
        }
        all
    }
}

/// The same with the VMs that it speaks of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lookup<'a> {
    index: &'a Index,
    all: &'a ByName,
}

impl<'a> Lookup<'a> {
    pub(super) fn of(index: &'a Index) -> Self {
        Self {
            index,
            all: index.by_name(),
        }
    }

    /// All VMs that are no replicas.
    pub(crate) fn vms(self) -> impl Iterator<Item = &'a VmInfo> {
        let places = self.all.vms.iter();
        places.filter_map(move |(place, _)| self.index.vm_at(*place))
    }

    /// All that may match a name in lower case, or an identity, each with its name in lower case: more
    /// than do.
    pub(crate) fn like(
        self,
        name: &str,
        identity: Option<&str>,
    ) -> impl Iterator<Item = (&'a VmInfo, &'a str)> {
        let nothing = Vec::new();
        let of_word = |word: &str| self.all.by_word.get(word).unwrap_or(&nothing);
        let rarest = words_of(name)
            .map(of_word)
            .min_by_key(|places| places.len());
        let mut like: BTreeSet<usize> = match rarest {
            Some(places) => places.iter().copied().collect(),
            // A name without words is looked for everywhere.
            None => (0..self.all.vms.len()).collect(),
        };
        let identity = identity.and_then(|it| self.all.by_identity.get(it));
        like.extend(identity.into_iter().flatten());
        like.into_iter().filter_map(move |at| {
            let (place, name) = self.all.vms.get(at)?;
            Some((self.index.vm_at(*place)?, &**name))
        })
    }
}

fn words_of(name: &str) -> impl Iterator<Item = &str> {
    let words = name.split(|c: char| !c.is_alphanumeric());
    words.filter(|word| !word.is_empty())
}
