//! One style sheet out of `style/main.css` and everything that it imports, minified.

use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use lightningcss::{
    bundler::{Bundler, FileProvider},
    stylesheet::{MinifyOptions, ParserOptions, PrinterOptions},
};

use crate::stamp;

/// Bundles `main` into `target`.
pub(super) fn bundle(main: &Path, target: &Path) -> Result<()> {
    let provider = FileProvider::new();
    let mut bundler = Bundler::new(&provider, None, ParserOptions::default());
    // Errors borrow from the bundler, so their text is taken here.
    let mut sheet = bundler
        .bundle(main)
        .map_err(|error| anyhow!("{error}"))
        .context("bundle the style sheets")?;
    sheet
        .minify(MinifyOptions::default())
        .map_err(|error| anyhow!("{error}"))
        .context("minify the style sheet")?;
    let options = PrinterOptions {
        minify: true,
        ..PrinterOptions::default()
    };
    let printed = sheet
        .to_css(options)
        .map_err(|error| anyhow!("{error}"))
        .context("print the style sheet")?;
    stamp::write(target, printed.code.as_bytes())
}
