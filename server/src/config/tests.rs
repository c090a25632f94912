//! Every refusal names its cause and the next step.

use super::*;

fn raw(listen: &str, site: &Path) -> RawConfig {
    RawConfig {
        listen: listen.parse().expect("a literal address"),
        data_dir: PathBuf::from("unused"),
        site_dir: Some(site.to_path_buf()),
        allow_unauthenticated: false,
        allow_host: vec!["Console.Example".to_owned()],
        master_key_file: None,
        lab_scale: LabScale::Tiny,
        lab_vms: 0,
    }
}

fn built_site() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary directory");
    std::fs::create_dir(dir.path().join("pkg")).expect("a fresh directory");
    std::fs::write(dir.path().join("pkg/landfall.js"), "").expect("a fresh file");
    dir
}

#[test]
fn loopback_needs_no_consent() {
    let site = built_site();
    for listen in ["127.0.0.1:0", "[::1]:0", "127.8.0.1:3000"] {
        let config = raw(listen, site.path()).check().expect(listen);
        assert!(!config.open_to_network());
        assert_eq!(config.allow_hosts, ["console.example"]);
    }
}

#[test]
fn beyond_loopback_is_refused_with_the_way_out() {
    let site = built_site();
    let error = raw("0.0.0.0:3000", site.path())
        .check()
        .expect_err("nobody agreed to it")
        .to_string();
    assert!(error.contains("0.0.0.0:3000"), "{error}");
    assert!(error.contains("--allow-unauthenticated"), "{error}");
    assert!(error.contains("ssh -L"), "{error}");

    let mut agreed = raw("0.0.0.0:3000", site.path());
    agreed.allow_unauthenticated = true;
    assert!(agreed.check().expect("agreed").open_to_network());
}

#[test]
fn a_missing_site_says_how_to_build_it() {
    let empty = tempfile::tempdir().expect("a temporary directory");
    let error = raw("127.0.0.1:0", empty.path())
        .check()
        .expect_err("nothing is built there")
        .to_string();
    assert!(error.contains("cargo xtask site"), "{error}");
}
