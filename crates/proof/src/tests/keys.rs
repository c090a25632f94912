//! The keys of a data directory: made once, refused with clear words, rotated without forgetting.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use model::Timestamp;
use tempfile::TempDir;

use super::{certificate, disk};
use crate::{
    Fingerprint, KeyFileError, KeyStore, MasterKeyError, NotAKey, PublicKey, SigningKey, Trusted,
    check, sign,
};

const FIRST: Timestamp = Timestamp(1);
const LATER: Timestamp = Timestamp(2);

fn prepared() -> (TempDir, KeyStore) {
    let dir = tempfile::tempdir().unwrap();
    let keys = KeyStore::of(dir.path(), None);
    keys.prepare(FIRST).unwrap();
    (dir, keys)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn keys_are_made_at_the_first_start_and_stay() {
    let (dir, keys) = prepared();
    let first = keys.signer().unwrap().public();
    assert_eq!(keys.prepare(LATER).unwrap(), first.fingerprint());
    assert_eq!(keys.signer().unwrap().public(), first);
    assert_eq!(mode(&dir.path().join("master.key")), 0o600);
    assert_eq!(mode(&dir.path().join("signing-keys.json")), 0o600);
    let kept = fs::read_to_string(dir.path().join("signing-keys.json")).unwrap();
    let seed = model::Hex(*keys.signer().unwrap().seed()).to_string();
    assert!(!kept.contains(&seed), "the secret is in the open");
    let files = fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(files, 2, "nothing else stays behind");
}

#[test]
fn the_master_key_may_lie_elsewhere() {
    let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = elsewhere.path().join("landfall.key");
    let keys = KeyStore::of(dir.path(), Some(&path));
    keys.prepare(FIRST).unwrap();
    assert!(path.exists() && !dir.path().join("master.key").exists());
    keys.signer().unwrap();
}

#[test]
fn a_master_key_that_others_may_read_is_refused() {
    let (dir, keys) = prepared();
    let path = dir.path().join("master.key");
    for open in [0o640, 0o604, 0o660, 0o644] {
        fs::set_permissions(&path, fs::Permissions::from_mode(open)).unwrap();
        let refused = keys.prepare(LATER).unwrap_err();
        assert!(matches!(
            &refused,
            KeyFileError::Master(MasterKeyError::Open { mode, .. }) if *mode == open
        ));
        assert!(refused.to_string().contains("chmod 600"), "{refused}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    keys.prepare(LATER).unwrap();
}

#[test]
fn a_missing_master_key_is_not_replaced_in_silence() {
    let (dir, keys) = prepared();
    let path = dir.path().join("master.key");
    fs::remove_file(&path).unwrap();
    let refused = keys.prepare(LATER).unwrap_err();
    assert!(matches!(
        refused,
        KeyFileError::Master(MasterKeyError::Missing { .. })
    ));
    let said = refused.to_string();
    assert!(
        said.contains("missing") && said.contains("backup"),
        "{said}"
    );
    assert!(!path.exists(), "nothing was made");
}

#[test]
fn a_foreign_or_malformed_master_key_is_refused() {
    let (dir, keys) = prepared();
    let (other_dir, _) = prepared();
    let path = dir.path().join("master.key");
    fs::copy(other_dir.path().join("master.key"), &path).unwrap();
    let refused = keys.signer().unwrap_err();
    assert!(matches!(
        refused,
        KeyFileError::Master(MasterKeyError::Foreign { .. })
    ));
    assert!(
        refused.to_string().contains("--master-key-file"),
        "{refused}"
    );
    for text in [&b"not a key"[..], b"", &[0xff; 64], &[b'a'; 4096]] {
        fs::write(&path, text).unwrap();
        assert!(matches!(
            keys.signer().unwrap_err(),
            KeyFileError::Master(MasterKeyError::Malformed { .. })
        ));
    }
}

#[test]
fn a_rotated_key_still_proves_what_it_signed() {
    let (dir, keys) = prepared();
    let old = sign(
        certificate(vec![disk("a", &[1; 5000])]),
        &keys.signer().unwrap(),
    )
    .unwrap();
    let first = keys.signer().unwrap().public();
    let second = keys.rotate(LATER).unwrap();
    assert_ne!(first, second);
    assert_eq!(keys.signer().unwrap().public(), second);
    let known = keys.known().unwrap();
    assert_eq!(
        known
            .iter()
            .map(|key| (key.key, key.retired_at))
            .collect::<Vec<_>>(),
        [(first, Some(LATER)), (second, None)]
    );
    let trusted: Vec<Trusted> = known.iter().map(|key| Trusted::Key(key.key)).collect();
    let checked = check(old.as_bytes(), &trusted).unwrap();
    assert_eq!(checked.signer, first.fingerprint());
    let kept = fs::read_to_string(dir.path().join("signing-keys.json")).unwrap();
    assert_eq!(
        kept.matches("\"sealed\": null").count(),
        1,
        "the old secret is gone"
    );
    assert_eq!(mode(&dir.path().join("signing-keys.json")), 0o600);
}

#[test]
fn a_rotation_gets_by_without_a_lost_master_key() {
    let (dir, keys) = prepared();
    fs::remove_file(dir.path().join("master.key")).unwrap();
    let second = keys.rotate(LATER).unwrap();
    assert_eq!(keys.signer().unwrap().public(), second);
    assert_eq!(keys.known().unwrap().len(), 2);
}

#[test]
fn changed_key_files_are_refused() {
    let (dir, keys) = prepared();
    let path = dir.path().join("signing-keys.json");
    let text = fs::read_to_string(&path).unwrap();
    let other = SigningKey::generate().unwrap().public();
    let ours = keys.signer().unwrap().public();
    let swapped = text.replace(&ours.0.to_string(), &other.0.to_string());
    for wrong in [swapped, text.replace("keys 1", "keys 9"), "{}".to_owned()] {
        fs::write(&path, wrong).unwrap();
        assert!(keys.signer().is_err());
        assert!(keys.prepare(LATER).is_err());
    }
    fs::remove_file(&path).unwrap();
    assert!(matches!(keys.known(), Err(KeyFileError::NoKeys { .. })));
}

#[test]
fn a_public_key_travels_as_pem() {
    let key = SigningKey::generate().unwrap().public();
    assert_eq!(PublicKey::from_pem(&key.to_pem()), Ok(key));
    for wrong in [
        "",
        "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----",
        "x",
    ] {
        assert_eq!(PublicKey::from_pem(wrong), Err(NotAKey::Pem));
    }
    let rsa = key.to_pem().replace("MCow", "MDow");
    assert_eq!(PublicKey::from_pem(&rsa), Err(NotAKey::Pem));
}

#[test]
fn fingerprints_are_read_as_people_copy_them() {
    let print = SigningKey::generate().unwrap().public().fingerprint();
    let digits = print.0.to_string();
    for text in [
        print.to_string(),
        digits.clone(),
        digits.to_uppercase(),
        format!(" {digits}\n"),
    ] {
        assert_eq!(text.parse::<Fingerprint>(), Ok(print));
    }
    for wrong in ["", "SHA256:", &digits[1..]] {
        assert_eq!(wrong.parse::<Fingerprint>(), Err(NotAKey::Fingerprint));
    }
}

/// RFC 8032, section 7.1, test 1: a key whose public half is known.
#[test]
fn the_public_half_is_that_of_the_standard() {
    let seed: model::DigestHex = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
        .parse()
        .unwrap();
    let key = SigningKey::from_seed(zeroize::Zeroizing::new(seed.0)).unwrap();
    assert_eq!(
        key.public().0.to_string(),
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    );
}
