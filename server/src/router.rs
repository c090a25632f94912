//! All routes in one place: pages and server functions by Leptos, files, and the checks around them.

use std::net::SocketAddr;

use app::{layout::App, shell};
use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
    middleware,
    response::Response,
};
use leptos::config::LeptosOptions;
use leptos_axum::{LeptosRoutes as _, generate_route_list};
use tower_http::{catch_panic::CatchPanicLayer, limit::RequestBodyLimitLayer};

use crate::{
    assets,
    config::Config,
    contexts::Contexts,
    downloads, events,
    security::{self, Hosts},
};

/// The largest request body: forms of the wizard with thousands of rows fit, disk images do not.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// Builds the whole router for a server that listens on `address`.
pub fn build(config: &Config, address: SocketAddr, contexts: Contexts) -> Router {
    let options = leptos_options(config, address);
    let hosts = Hosts::new(address, &config.allow_hosts);
    let streams = events::routes(contexts.clone());
    let downloads = downloads::routes(contexts.clone());
    let provide = move || {
        security::allow_scripts_with_nonce();
        contexts.provide();
    };

    Router::new()
        .leptos_routes_with_context(&options, generate_route_list(App), provide.clone(), {
            let options = options.clone();
            move || shell(options.clone())
        })
        .merge(streams)
        .merge(downloads)
        .merge(assets::routes(&config.site_dir))
        .fallback(not_found(&options, provide))
        .with_state(options)
        .layer(CatchPanicLayer::new())
        .layer(RequestBodyLimitLayer::new(BODY_LIMIT))
        .layer(middleware::from_fn_with_state(hosts, security::guard))
}

fn leptos_options(config: &Config, address: SocketAddr) -> LeptosOptions {
    LeptosOptions::builder()
        .output_name("landfall")
        .site_root(config.site_dir.to_string_lossy().as_ref())
        .site_pkg_dir("pkg")
        .site_addr(address)
        .build()
}

/// Renders the console for an address without a route: its own page, with status 404.
fn not_found(
    options: &LeptosOptions,
    provide: impl Fn() + Clone + Send + Sync + 'static,
) -> impl Fn(Request<Body>) -> std::pin::Pin<Box<dyn Future<Output = Response> + Send>>
+ Clone
+ Send
+ Sync
+ 'static {
    let options = options.clone();
    let render =
        leptos_axum::render_app_async_with_context(provide, move || shell(options.clone()));
    move |request| {
        let rendering = render(request);
        Box::pin(async move {
            let mut response = rendering.await;
            if response.status() == StatusCode::OK {
                *response.status_mut() = StatusCode::NOT_FOUND;
            }
            response
        })
    }
}

#[cfg(test)]
mod tests;
