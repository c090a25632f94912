//! Requests through the whole router, as a browser and as an attacker send them.

use std::{fs, path::Path};

use axum::http::{HeaderMap, header};
use hypervisor::lab::Scale;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::*;
use crate::backend::Backend;

struct Console {
    router: Router,
    _backend: Backend,
    _site: tempfile::TempDir,
}

impl Console {
    async fn new() -> Self {
        Self::listening(false).await
    }

    async fn listening(open_to_network: bool) -> Self {
        let site = tempfile::tempdir().expect("a temporary directory");
        write_site(site.path());
        let address = "127.0.0.1:3000".parse().expect("a literal address");
        let config = Config {
            listen: address,
            data_dir: site.path().join("data"),
            site_dir: site.path().to_path_buf(),
            allow_hosts: Vec::new(),
            master_key_file: None,
            lab_scale: crate::lab_cli::LabScale::Tiny,
            lab_vms: 0,
        };
        let backend = Backend::start(
            &config.data_dir,
            proof::KeyStore::of(&config.data_dir, None),
            (Scale::Tiny, 0),
            false,
        )
        .await
        .expect("a back end over an empty directory");
        let contexts = Contexts::new(backend.service(), open_to_network, CancellationToken::new());
        Self {
            router: build(&config, address, contexts),
            _backend: backend,
            _site: site,
        }
    }

    async fn send(&self, method: &str, path: &str, pairs: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !pairs.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "127.0.0.1:3000");
        }
        for (name, value) in pairs {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).expect("a literal request");
        let response = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("the router always answers");
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX)
            .await
            .expect("a body in memory");
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &header::HeaderName) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

fn write_site(site: &Path) {
    let pkg = site.join("pkg");
    fs::create_dir(&pkg).expect("a fresh directory");
    fs::write(pkg.join("landfall.js"), "plain").expect("a fresh file");
    fs::write(pkg.join("landfall.js.br"), "brotli").expect("a fresh file");
    fs::write(pkg.join("landfall.js.gz"), "gzip").expect("a fresh file");
}

/// The text between two marks.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    text.split_once(before)
        .and_then(|(_, rest)| rest.split_once(after))
        .map(|(found, _)| found)
        .unwrap_or_default()
}

#[tokio::test]
async fn the_start_page_is_complete_without_scripts() {
    let page = Console::new().await.send("GET", "/", &[]).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("<h1"), "{}", page.body);
    assert_eq!(page.header(&header::CACHE_CONTROL), "no-store");
}

#[tokio::test]
async fn the_policy_names_the_nonce_of_the_scripts() {
    let console = Console::new().await;
    let page = console.send("GET", "/no/such/page", &[]).await;
    let policy = page.header(&header::CONTENT_SECURITY_POLICY);
    let nonce = between(policy, "'nonce-", "'");
    assert!(nonce.len() >= 16, "{policy}");
    let scripts = page.body.matches("<script").count();
    let allowed = page.body.matches(&format!("nonce=\"{nonce}\"")).count();
    assert!(scripts > 0 && scripts == allowed, "{}", page.body);
    assert!(!policy.contains("unsafe-inline"), "{policy}");
    assert!(!page.body.contains("style=\""), "inline styles do not work");

    let again = console.send("GET", "/no/such/page", &[]).await;
    let second = between(
        again.header(&header::CONTENT_SECURITY_POLICY),
        "'nonce-",
        "'",
    )
    .to_owned();
    assert_ne!(nonce, second, "a nonce is used once");
}

#[tokio::test]
async fn an_unknown_address_is_our_own_404() {
    let page = Console::new().await.send("GET", "/no/such/page", &[]).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.body.contains("There is no such page"), "{}", page.body);
    assert!(
        page.header(&header::CONTENT_SECURITY_POLICY)
            .contains("'nonce-")
    );
}

#[tokio::test]
async fn a_foreign_host_is_refused() {
    let answer = Console::new()
        .await
        .send("GET", "/", &[("host", "evil.example:3000")])
        .await;
    assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST);
    assert!(answer.body.contains("--allow-host"), "{}", answer.body);
    assert!(
        answer
            .header(&header::CONTENT_SECURITY_POLICY)
            .contains("frame-ancestors 'none'")
    );
}

#[tokio::test]
async fn writes_from_another_site_are_refused() {
    let console = Console::new().await;
    for cause in [
        ("origin", "http://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ] {
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let answer = console.send(method, "/api/anything", &[cause]).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {cause:?}");
        }
    }
    let own = console
        .send(
            "POST",
            "/api/anything",
            &[("origin", "http://127.0.0.1:3000")],
        )
        .await;
    assert_ne!(own.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let too_long = (BODY_LIMIT + 1).to_string();
    let answer = Console::new()
        .await
        .send("POST", "/api/anything", &[("content-length", &too_long)])
        .await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn files_come_compressed_as_the_browser_likes() {
    let console = Console::new().await;
    for (accepted, body) in [
        ("br, gzip", "brotli"),
        ("gzip", "gzip"),
        ("identity", "plain"),
    ] {
        let file = console
            .send("GET", "/pkg/landfall.js", &[("accept-encoding", accepted)])
            .await;
        assert_eq!((file.status, file.body.as_str()), (StatusCode::OK, body));
        assert_eq!(file.header(&header::CACHE_CONTROL), "no-cache");
        assert_eq!(file.header(&header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert_eq!(file.header(&header::VARY), "accept-encoding");
    }
}

#[tokio::test]
async fn a_file_is_sent_again_only_when_it_changed() {
    let console = Console::new().await;
    let first = console.send("GET", "/pkg/landfall.js", &[]).await;
    let changed = first.header(&header::LAST_MODIFIED);
    let second = console
        .send("GET", "/pkg/landfall.js", &[("if-modified-since", changed)])
        .await;
    assert_eq!(second.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn files_outside_the_site_stay_there() {
    let console = Console::new().await;
    for path in [
        "/pkg/../../etc/passwd",
        "/pkg/%2e%2e/%2e%2e/etc/passwd",
        "/pkg/missing.js",
    ] {
        let answer = console.send("GET", path, &[]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(!answer.body.contains("root:"), "{path}");
    }
}

#[tokio::test]
async fn a_console_open_to_the_network_says_so_on_every_page() {
    let banner = "nobody signs in to this console";
    let open = Console::listening(true)
        .await
        .send("GET", "/lab", &[])
        .await;
    assert!(open.body.to_lowercase().contains(banner), "{}", open.body);
    let closed = Console::new().await.send("GET", "/lab", &[]).await;
    assert!(!closed.body.to_lowercase().contains(banner));
}
