//! Negotiation as the server: from a fresh connection to terms for its requests.

use std::io::{self, Read, Write};

use super::{
    super::{
        proto::{
            ALLOCATION, DIRTY_BITMAP, ERR_BLOCK_SIZE_REQUIRED, ERR_EXTENDED_REQUIRED, ERR_INVALID,
            ERR_POLICY, ERR_TLS_REQUIRED, ERR_UNKNOWN, ERR_UNSUPPORTED, FLAG_FIXED_NEWSTYLE,
            FLAG_NO_ZEROES, Headers, INFO_BLOCK_SIZE, INFO_DESCRIPTION, INFO_EXPORT, INFO_NAME,
            MAGIC, MOST_PAYLOAD, OPT_ABORT, OPT_EXPORT_NAME, OPT_EXTENDED_HEADERS, OPT_GO,
            OPT_INFO, OPT_LIST, OPT_LIST_META_CONTEXT, OPT_SET_META_CONTEXT, OPT_STARTTLS,
            OPT_STRUCTURED_REPLY, OPTION_MAGIC, OPTION_REPLY_MAGIC, REP_ACK, REP_INFO,
            REP_META_CONTEXT, REP_SERVER,
        },
        wire::{broken, length, read_u32, read_u64, size},
    },
    export::Export,
    options::{Contexts, Info},
    perform::{ALLOCATION_ID, BITMAP_ID},
};

/// No option is longer: the longest has a few names of at most 4096 bytes.
const MOST_OPTION: u32 = 64 * 1024;
/// No client needs more options.
const MOST_OPTIONS: usize = 256;
/// What is gained by longer requests is little from here on.
const PREFERRED_BLOCK: u32 = 4096;

/// Whether a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Security {
    /// There is no TLS here.
    Plain,
    /// Nothing is told before the connection is encrypted.
    Demanded,
    /// It is encrypted.
    Encrypted,
}

/// What a connection may ask about.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Offer<'a> {
    pub(in super::super) exports: &'a [Export],
    pub(in super::super) security: Security,
    /// Whether the client asked to be spared the zeroes after `EXPORT_NAME`.
    pub(in super::super) no_zeroes: bool,
}

/// What was agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Terms {
    pub(in super::super) headers: Headers,
    /// Whether block status tells of holes.
    pub(in super::super) allocation: bool,
    /// Whether block status tells of the bitmap.
    pub(in super::super) bitmap: bool,
}

/// How a negotiation goes on.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Step<'a> {
    /// The next bytes are TLS; then the options begin anew.
    Encrypt,
    /// Requests follow.
    Serve(&'a Export, Terms),
    /// The client is done.
    Over,
}

/// The first words of both sides; whether the client wants no padding.
pub(in super::super) fn greet<S: Read + Write>(stream: &mut S) -> io::Result<bool> {
    let mut hello = MAGIC.to_be_bytes().to_vec();
    hello.extend(OPTION_MAGIC.to_be_bytes());
    hello.extend((FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES).to_be_bytes());
    stream.write_all(&hello)?;
    let client = read_u32(stream)?;
    let known = u32::from(FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES);
    if client & !known != 0 || client & u32::from(FLAG_FIXED_NEWSTYLE) == 0 {
        return Err(broken("the client has no fixed newstyle negotiation"));
    }
    Ok(client & u32::from(FLAG_NO_ZEROES) != 0)
}

/// Answers options until the client asks for requests, for encryption, or for an end.
///
/// # Errors
/// When the connection is gone, or the client breaks the protocol.
pub(in super::super) fn haggle<'a, S: Read + Write>(
    stream: &mut S,
    offer: Offer<'a>,
) -> io::Result<Step<'a>> {
    let mut haggling = Haggling {
        offer,
        headers: Headers::Simple,
        contexts: None,
    };
    for _ in 0..MOST_OPTIONS {
        if read_u64(stream)? != OPTION_MAGIC {
            return Err(broken("the client sent something that is no option"));
        }
        let option = read_u32(stream)?;
        let len = read_u32(stream)?;
        if len > MOST_OPTION {
            return Err(broken("an option of the client is too long"));
        }
        let mut data = vec![0; size(len)];
        stream.read_exact(&mut data)?;
        let (replies, step) = haggling.answer(option, &data)?;
        stream.write_all(&replies)?;
        if let Some(step) = step {
            return Ok(step);
        }
    }
    Err(broken("the client does not stop asking"))
}

/// What was said so far.
struct Haggling<'a> {
    offer: Offer<'a>,
    headers: Headers,
    /// The export whose contexts were chosen, and which.
    contexts: Option<(&'a Export, bool, bool)>,
}

/// Replies to send, and where the negotiation goes then.
type Answered<'a> = io::Result<(Vec<u8>, Option<Step<'a>>)>;

impl<'a> Haggling<'a> {
    fn answer(&mut self, option: u32, data: &[u8]) -> Answered<'a> {
        if self.offer.security == Security::Demanded {
            return match option {
                OPT_STARTTLS | OPT_ABORT => self.answer_any(option, data),
                OPT_EXPORT_NAME => Err(broken("the client asked for an export without TLS")),
                _ => stay(error(
                    option,
                    ERR_TLS_REQUIRED,
                    "this server speaks TLS only",
                )),
            };
        }
        self.answer_any(option, data)
    }

    fn answer_any(&mut self, option: u32, data: &[u8]) -> Answered<'a> {
        match option {
            OPT_EXPORT_NAME => self.export_name(data),
            OPT_ABORT => Ok((reply(option, REP_ACK, &[]), Some(Step::Over))),
            OPT_INFO | OPT_GO => self.info(option, data),
            OPT_LIST_META_CONTEXT | OPT_SET_META_CONTEXT => stay(self.meta(option, data)?),
            OPT_LIST | OPT_STARTTLS | OPT_STRUCTURED_REPLY | OPT_EXTENDED_HEADERS
                if !data.is_empty() =>
            {
                stay(error(option, ERR_INVALID, "the option takes no data"))
            }
            OPT_LIST => stay(self.list()?),
            OPT_STARTTLS => match self.offer.security {
                Security::Demanded => Ok((reply(option, REP_ACK, &[]), Some(Step::Encrypt))),
                Security::Plain => stay(error(option, ERR_POLICY, "this server has no TLS")),
                Security::Encrypted => {
                    stay(error(option, ERR_INVALID, "the connection is encrypted"))
                }
            },
            OPT_STRUCTURED_REPLY => {
                if self.headers == Headers::Extended {
                    let words = "extended headers are agreed on";
                    return stay(error(option, ERR_EXTENDED_REQUIRED, words));
                }
                self.headers = Headers::Structured;
                stay(reply(option, REP_ACK, &[]))
            }
            OPT_EXTENDED_HEADERS => {
                self.headers = Headers::Extended;
                stay(reply(option, REP_ACK, &[]))
            }
            _ => stay(error(option, ERR_UNSUPPORTED, "the option is not known")),
        }
    }

    fn find(&self, name: &str) -> Option<&'a Export> {
        let exports = self.offer.exports;
        match exports {
            [only] if name.is_empty() => Some(only),
            _ => exports.iter().find(|export| export.name == name),
        }
    }

    fn terms(&self, export: &Export) -> Terms {
        let chosen = self.contexts.filter(|(of, ..)| of.name == export.name);
        let (allocation, bitmap) = chosen.map_or((false, false), |(_, a, b)| (a, b));
        Terms {
            headers: self.headers,
            allocation,
            bitmap,
        }
    }

    /// The oldest way to choose an export: there is no way to refuse it but to hang up.
    fn export_name(&self, data: &[u8]) -> Answered<'a> {
        let export = str::from_utf8(data).ok().and_then(|name| self.find(name));
        let export = export.filter(|_| self.headers != Headers::Extended);
        let export = export.ok_or_else(|| broken("the client asked for an unknown export"))?;
        let mut data = export.disk.size().0.to_be_bytes().to_vec();
        data.extend(export.flags(self.headers).to_be_bytes());
        if !self.offer.no_zeroes {
            data.resize(data.len() + 124, 0);
        }
        Ok((data, Some(Step::Serve(export, self.terms(export)))))
    }

    fn list(&self) -> io::Result<Vec<u8>> {
        let mut replies = Vec::new();
        for export in self.offer.exports {
            let mut data = length(export.name.len())?.to_be_bytes().to_vec();
            data.extend(export.name.as_bytes());
            replies.extend(reply(OPT_LIST, REP_SERVER, &data));
        }
        replies.extend(reply(OPT_LIST, REP_ACK, &[]));
        Ok(replies)
    }

    fn info(&self, option: u32, data: &[u8]) -> Answered<'a> {
        let Some(asked) = Info::parse(data) else {
            return stay(error(
                option,
                ERR_INVALID,
                "the option cannot be understood",
            ));
        };
        let Some(export) = self.find(asked.export) else {
            return stay(error(option, ERR_UNKNOWN, "there is no such export"));
        };
        let block = export.min_block();
        if block > 1 && !asked.wanted.contains(&INFO_BLOCK_SIZE) {
            let words = "this export has a block size: ask for it";
            return stay(error(option, ERR_BLOCK_SIZE_REQUIRED, words));
        }
        let mut replies = Vec::new();
        let mut tell = |kind: u16, data: &[u8]| {
            let data = [&kind.to_be_bytes(), data].concat();
            replies.extend(reply(option, REP_INFO, &data));
        };
        let mut about = export.disk.size().0.to_be_bytes().to_vec();
        about.extend(export.flags(self.headers).to_be_bytes());
        tell(INFO_EXPORT, &about);
        let sizes = [block, PREFERRED_BLOCK.max(block), MOST_PAYLOAD].map(u32::to_be_bytes);
        tell(INFO_BLOCK_SIZE, &sizes.concat());
        if asked.wanted.contains(&INFO_NAME) {
            tell(INFO_NAME, export.name.as_bytes());
        }
        if asked.wanted.contains(&INFO_DESCRIPTION) {
            tell(INFO_DESCRIPTION, b"a disk offered by Landfall");
        }
        replies.extend(reply(option, REP_ACK, &[]));
        let step = (option == OPT_GO).then(|| Step::Serve(export, self.terms(export)));
        Ok((replies, step))
    }

    fn meta(&mut self, option: u32, data: &[u8]) -> io::Result<Vec<u8>> {
        let sets = option == OPT_SET_META_CONTEXT;
        if sets {
            // Whatever comes of this one, an earlier choice is gone.
            self.contexts = None;
        }
        if sets && self.headers == Headers::Simple {
            let words = "ask for structured replies first";
            return Ok(error(option, ERR_INVALID, words));
        }
        let Some(asked) = Contexts::parse(data) else {
            return Ok(error(
                option,
                ERR_INVALID,
                "the option cannot be understood",
            ));
        };
        let Some(export) = self.find(asked.export) else {
            return Ok(error(option, ERR_UNKNOWN, "there is no such export"));
        };
        let bitmap = export.bitmap.as_ref().map(super::export::Bitmap::context);
        let chosen = |name: &str| {
            let lists_all = !sets && asked.queries.is_empty();
            lists_all || asked.queries.iter().any(|query| matches(query, name, sets))
        };
        let allocation = chosen(ALLOCATION);
        let bitmap = bitmap.filter(|name| chosen(name));
        if sets {
            self.contexts = Some((export, allocation, bitmap.is_some()));
        }
        let mut replies = Vec::new();
        let mut tell = |id: u32, name: &str| {
            let data = [&id.to_be_bytes(), name.as_bytes()].concat();
            replies.extend(reply(option, REP_META_CONTEXT, &data));
        };
        if allocation {
            tell(ALLOCATION_ID, ALLOCATION);
        }
        if let Some(name) = bitmap {
            tell(BITMAP_ID, &name);
        }
        replies.extend(reply(option, REP_ACK, &[]));
        Ok(replies)
    }
}

/// Whether a query means a context; a list may ask for all of a kind.
fn matches(query: &str, name: &str, exactly: bool) -> bool {
    let kinds = ["base:", "qemu:", DIRTY_BITMAP];
    query == name || !exactly && kinds.contains(&query) && name.starts_with(query)
}

fn stay<'a>(replies: Vec<u8>) -> Answered<'a> {
    Ok((replies, None))
}

fn error(option: u32, kind: u32, words: &str) -> Vec<u8> {
    reply(option, kind, words.as_bytes())
}

fn reply(option: u32, kind: u32, data: &[u8]) -> Vec<u8> {
    let mut frame = OPTION_REPLY_MAGIC.to_be_bytes().to_vec();
    frame.extend(option.to_be_bytes());
    frame.extend(kind.to_be_bytes());
    // Names are bounded when a server starts, and words are our own.
    let len = u32::try_from(data.len()).unwrap_or_default();
    frame.extend(len.to_be_bytes());
    frame.extend(data);
    frame
}
