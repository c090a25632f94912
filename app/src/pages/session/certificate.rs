//! The certificate: whose signature, of which instant, the roots of both sides, and the file.

use leptos::prelude::*;
use model::view::{CertificateShown, CertificateView, CertifiedDiskView};

use super::Newest;
use crate::{
    components::{data_table::DataTable, dynamic::part},
    erase::Erase as _,
    words,
};

/// What became of certifying the session, and what can be saved.
#[component]
pub(super) fn Certificate(newest: Newest) -> impl IntoView {
    let id = newest.with_untracked(|view| view.summary.id.clone());
    let certificate = Memo::new(move |_| newest.with(|view| view.certificate.clone()));
    let file = format!("/api/v1/sessions/{id}/certificate");
    let signed =
        Memo::new(move |_| certificate.with(|it| matches!(it, Some(CertificateView::Signed(_)))));
    view! {
        <section aria-labelledby="certificate">
            <h2 id="certificate">"Certificate"</h2>
            {part(move || Some(shown(certificate.get())))}
            <ul class="files">
                {part(move || signed.get().then(|| download(&file)))}
                <li><a href=format!("/sessions/{id}/evidence")>"Evidence of this session"</a></li>
            </ul>
        </section>
    }
}

fn download(file: &str) -> AnyView {
    // A file of the server's, and no page of the console's.
    view! {
        <li><a href=file.to_owned() rel="external" download="">"Download the certificate"</a></li>
    }
    .erase()
}

/// The certificate, on the session's page and in its evidence.
pub(crate) fn shown(certificate: Option<CertificateView>) -> AnyView {
    match certificate {
        None => view! {
            <p class="empty">
                "Signed during the switchover, when everything is verified and before production "
                "can start."
            </p>
        }
        .erase(),
        Some(CertificateView::Not { why }) => view! {
            <p class="notice notice-attention">"There is no certificate: " {why} "."</p>
        }
        .erase(),
        Some(CertificateView::Signed(certificate)) => signed(certificate),
    }
}

fn signed(certificate: CertificateShown) -> AnyView {
    let at = certificate.verified_at;
    let block = certificate.block_size.to_string();
    let rows = certificate.disks.into_iter().map(row).collect_view();
    view! {
        <dl class="facts">
            <dt>"Holds for"</dt>
            <dd>
                <time datetime=words::machine_time(at)>{at.utc_text()}</time>
                ": " {certificate.instant}
            </dd>
            <dt>"Production equals"</dt>
            <dd>"the replica at " <code>{certificate.point.to_string()}</code></dd>
            <dt>"Signed by"</dt>
            <dd><code>"SHA256:" {certificate.signer.to_string()}</code></dd>
        </dl>
        <DataTable caption="What is certified of each disk">
            <thead>
                <tr>
                    <th scope="col">"Disk"</th>
                    <th scope="col">"Root of both sides"</th>
                    <th scope="col" class="number">"Blocks of " {block}</th>
                    <th scope="col" class="number">"Carried over"</th>
                    <th scope="col" class="number">"Proved in the switchover"</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </DataTable>
    }
    .erase()
}

fn row(disk: CertifiedDiskView) -> impl IntoView {
    let (replica, production) = (disk.replica_root, disk.production_root);
    let roots = if replica == production {
        view! { <code>{production.to_string()}</code> }.erase()
    } else {
        view! {
            "Replica " <code>{replica.to_string()}</code>
            " differs from production " <code>{production.to_string()}</code>
        }
        .erase()
    };
    view! {
        <tr>
            <th scope="row">{disk.name} <span class="sub">{disk.size.to_string()}</span></th>
            <td data-label="Root">{roots}</td>
            <td class="number" data-label="Blocks">{disk.leaves.to_string()}</td>
            <td class="number" data-label="Carried over">{disk.carried.to_string()}</td>
            <td class="number" data-label="Switchover">
                {disk.proved_last.to_string()}
            </td>
        </tr>
    }
}
