//! What every request passes before anything else, and what every response carries.
//!
//! * A host name that is not ours is refused: a foreign page whose name was made to point at loopback
//!   (DNS rebinding) cannot read the console.
//! * A write that another site caused is refused, by `Sec-Fetch-Site` and by `Origin`. Every browser
//!   sends at least one of them with a write; a program that sends neither has no cookies to abuse.
//! * The content security policy allows our own files, and inline scripts with the response's nonce only.
//!   Inline styles are not allowed: no `style` attribute in any view.
//!
//! Nothing here knows who the caller is; that is for `service`.

mod hosts;

pub use hosts::Hosts;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use leptos::{nonce::use_nonce, prelude::use_context};
use leptos_axum::ResponseOptions;

/// Sent with every response. A page that asks for its own policy keeps it.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // Not `no-referrer`: with it browsers send `Origin: null` with our own form posts.
    (header::REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=()",
    ),
];

/// Why a request was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    NoHost,
    ForeignHost,
    CrossSiteWrite,
}

/// Checks a request, passes it on, and completes the response's headers.
pub async fn guard(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    let mut response = match check(&hosts, request.method(), request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            tracing::warn!(
                ?refusal,
                method = %request.method(),
                path = request.uri().path(),
                host = ?request.headers().get(header::HOST),
                "refused a request before looking at it"
            );
            refusal.into_response()
        }
    };
    complete(response.headers_mut());
    response
}

/// Lets the scripts of the page that is being rendered run: they carry this response's nonce.
///
/// Call it in the reactive context of a request, where Leptos has put the nonce.
pub fn allow_scripts_with_nonce() {
    let (Some(nonce), Some(response)) = (use_nonce(), use_context::<ResponseOptions>()) else {
        return;
    };
    if let Ok(policy) = HeaderValue::from_str(&content_policy(Some(&nonce))) {
        response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
    }
}

fn content_policy(nonce: Option<&str>) -> String {
    let nonce = nonce
        .map(|nonce| format!(" 'nonce-{nonce}'"))
        .unwrap_or_default();
    format!(
        "default-src 'self'; script-src 'self'{nonce} 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'"
    )
}

fn check(hosts: &Hosts, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
    let host = authority(uri, headers).ok_or(Refusal::NoHost)?;
    if !hosts.allow(host) {
        return Err(Refusal::ForeignHost);
    }
    if is_read(method) || is_own_write(host, headers) {
        Ok(())
    } else {
        Err(Refusal::CrossSiteWrite)
    }
}

/// Who the client believes to talk to: the address line's authority, or else the one `Host` header.
fn authority<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    if let Some(authority) = uri.authority() {
        return Some(authority.as_str());
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    hosts.next().is_none().then_some(host)
}

fn is_read(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

/// Whether a write was caused by one of our own pages, or by no page at all.
fn is_own_write(host: &str, headers: &HeaderMap) -> bool {
    let by_fetch_site = headers
        .get_all("sec-fetch-site")
        .iter()
        .all(|site| site == "same-origin" || site == "none");
    let by_origin = headers.get_all(header::ORIGIN).iter().all(|origin| {
        origin
            .to_str()
            .is_ok_and(|origin| is_origin_of(origin, host))
    });
    by_fetch_site && by_origin
}

/// `http://HOST` or, behind a proxy that ends TLS, `https://HOST`.
fn is_origin_of(origin: &str, host: &str) -> bool {
    origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"))
        .is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

/// Adds what a response has not said itself.
fn complete(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY)
        && let Ok(policy) = HeaderValue::from_str(&content_policy(None))
    {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
}

impl Refusal {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Self::NoHost => (
                StatusCode::BAD_REQUEST,
                "This request names no host, or more than one. Open the console in a browser.",
            ),
            Self::ForeignHost => (
                StatusCode::MISDIRECTED_REQUEST,
                "The console does not answer under this host name. Open it as http://127.0.0.1 \
                 with its port, or start it with --allow-host NAME.",
            ),
            Self::CrossSiteWrite => (
                StatusCode::FORBIDDEN,
                "This request was caused by another site, so nothing was done. Open the console \
                 itself and repeat the action there.",
            ),
        };
        (status, text).into_response()
    }
}

#[cfg(test)]
mod tests;
