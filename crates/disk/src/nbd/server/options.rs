//! What clients send with an option, taken apart.

/// The bytes of an option, from front to back.
#[derive(Clone, Copy, Debug)]
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*taken))
    }

    fn u32(&mut self) -> Option<u32> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*taken))
    }

    /// A string with its length before it.
    fn text(&mut self) -> Option<&'a str> {
        let len = usize::try_from(self.u32()?).ok()?;
        str::from_utf8(self.take(len)?).ok()
    }
}

/// `INFO` and `GO`: an export, and what is to be told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Info<'a> {
    pub(super) export: &'a str,
    pub(super) wanted: Vec<u16>,
}

impl<'a> Info<'a> {
    /// None for bytes that are no such option.
    pub(super) fn parse(data: &'a [u8]) -> Option<Self> {
        let mut bytes = Bytes(data);
        let export = bytes.text()?;
        let count = bytes.u16()?;
        let wanted = (0..count).map(|_| bytes.u16()).collect::<Option<_>>()?;
        bytes.0.is_empty().then_some(Self { export, wanted })
    }
}

/// `LIST_META_CONTEXT` and `SET_META_CONTEXT`: an export, and queries for contexts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Contexts<'a> {
    pub(super) export: &'a str,
    pub(super) queries: Vec<&'a str>,
}

impl<'a> Contexts<'a> {
    /// None for bytes that are no such option.
    pub(super) fn parse(data: &'a [u8]) -> Option<Self> {
        let mut bytes = Bytes(data);
        let export = bytes.text()?;
        let count = bytes.u32()?;
        let mut queries = Vec::new();
        for _ in 0..count {
            queries.push(bytes.text()?);
        }
        bytes.0.is_empty().then_some(Self { export, queries })
    }
}

#[cfg(test)]
mod tests;
