//! What is signed is proved, and nothing else is.

use model::{Certificate, Hex};
use proptest::prelude::*;

use super::{certificate, disk};
use crate::{Contradiction, Refusal, SigningKey, Trusted, canonical, check, sign};

fn signed(certificate: Certificate) -> (String, Trusted) {
    let key = SigningKey::generate().unwrap();
    let trusted = Trusted::Key(key.public());
    (sign(certificate, &key).unwrap(), trusted)
}

fn sample() -> Certificate {
    certificate(vec![disk("system", &[7; 10_000]), disk("data", &[0; 4096])])
}

#[test]
fn a_certificate_is_proved_by_key_and_by_fingerprint() {
    let (text, key) = signed(sample());
    let checked = check(text.as_bytes(), &[key]).unwrap();
    assert_eq!(checked.certificate, sample());
    let by_print = Trusted::Fingerprint(checked.signer);
    assert_eq!(check(text.as_bytes(), &[by_print]).unwrap(), checked);
}

#[test]
fn any_changed_byte_is_refused() {
    let (text, key) = signed(sample());
    for at in 0..text.len() {
        for change in [1_u8, 0x20, 0x80] {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= change;
            let refused = check(&bytes, &[key]);
            assert!(refused.is_err(), "byte {at} changed by {change}");
        }
    }
}

#[test]
fn a_cut_or_lengthened_file_is_refused() {
    let (text, key) = signed(sample());
    for end in 0..text.len() {
        assert!(
            check(&text.as_bytes()[..end], &[key]).is_err(),
            "cut at {end}"
        );
    }
    let longer = format!("{text}\n");
    assert!(matches!(
        check(longer.as_bytes(), &[key]),
        Err(Refusal::Spelling)
    ));
}

#[test]
fn the_same_content_in_another_spelling_is_refused() {
    let (text, key) = signed(sample());
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let pretty = serde_json::to_string_pretty(&value).unwrap();
    assert!(matches!(
        check(pretty.as_bytes(), &[key]),
        Err(Refusal::Spelling)
    ));
    let twice = text.replacen("{\"certificate\"", "{\"certificate\":{},\"certificate\"", 1);
    assert!(check(twice.as_bytes(), &[key]).is_err());
}

#[test]
fn an_unknown_signer_is_named_and_refused() {
    let (text, key) = signed(sample());
    let (_, other) = signed(sample());
    let signer = check(text.as_bytes(), &[key]).unwrap().signer;
    for trusted in [&[][..], &[other]] {
        let refused = check(text.as_bytes(), trusted).unwrap_err();
        assert!(matches!(refused, Refusal::SignerUnknown { .. }));
        let said = refused.to_string();
        assert!(said.contains("signer unknown"), "{said}");
        assert!(said.contains(&signer.to_string()), "{said}");
    }
}

#[test]
fn a_trusted_name_on_another_signature_is_refused() {
    let (text, key) = signed(sample());
    let (other, other_key) = signed(sample());
    let signature = |text: &str| {
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        value["signature"].as_str().unwrap().to_owned()
    };
    let mixed = text.replace(&signature(&text), &signature(&other));
    let refused = check(mixed.as_bytes(), &[key, other_key]).unwrap_err();
    assert!(matches!(refused, Refusal::Signature { .. }), "{refused}");
}

#[test]
fn a_signed_contradiction_is_refused() {
    type Change = fn(&mut Certificate);
    let changes: [(Change, Contradiction); 6] = [
        (|it| it.disks.clear(), Contradiction::NoDisks),
        (
            |it| it.instant = "whenever".to_owned(),
            Contradiction::Instant,
        ),
        (|it| it.block_size.0 = 5000, Contradiction::BlockSize),
        (
            |it| it.disks[0].replica_root = Hex([9; 32]),
            Contradiction::Roots {
                disk: "system".to_owned(),
            },
        ),
        (
            |it| it.disks[0].regions[0] = Hex([9; 32]),
            Contradiction::Regions {
                disk: "system".to_owned(),
            },
        ),
        (
            |it| it.disks[1].carried += 1,
            Contradiction::Counts {
                disk: "data".to_owned(),
            },
        ),
    ];
    for (change, expected) in changes {
        let mut wrong = sample();
        change(&mut wrong);
        let (text, key) = signed(wrong);
        let refused = check(text.as_bytes(), &[key]).unwrap_err();
        let Refusal::Contradiction { what, .. } = refused else {
            panic!("{refused}");
        };
        assert_eq!(what, expected);
    }
}

#[test]
fn the_signature_is_over_the_content_alone() {
    // So that any tool that knows Ed25519 can check it.
    let (text, _) = signed(sample());
    let content = canonical(&sample()).unwrap();
    assert!(text.contains(&format!("{{\"certificate\":{content},\"signature\":")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_certificate_is_read_as_it_was_signed(
        name in any::<String>(),
        content in proptest::collection::vec(any::<u8>(), 1..20_000),
        started in any::<i64>(),
    ) {
        let mut wanted = certificate(vec![disk(&name, &content)]);
        wanted.production = name;
        wanted.started_at.0 = started;
        let (text, key) = signed(wanted.clone());
        prop_assert_eq!(check(text.as_bytes(), &[key]).unwrap().certificate, wanted);
    }

    #[test]
    fn hostile_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let (_, key) = signed(sample());
        prop_assert!(check(&bytes, &[key]).is_err());
    }

    /// Against the naive rule: an object is its sorted members.
    #[test]
    fn the_spelling_does_not_depend_on_the_order_of_members(
        members in proptest::collection::btree_map("[a-zA-Z\\PC]{0,4}", any::<i64>(), 0..8),
        turn in any::<prop::sample::Index>(),
    ) {
        let mut shuffled: Vec<_> = members.iter().collect();
        if !shuffled.is_empty() {
            let by = turn.index(shuffled.len());
            shuffled.rotate_left(by);
        }
        let mut value = serde_json::Map::new();
        for (name, number) in shuffled {
            value.insert(name.clone(), (*number).into());
        }
        let naive: Vec<String> = members
            .iter()
            .map(|(name, number)| format!("{}:{number}", serde_json::to_string(name).unwrap()))
            .collect();
        prop_assert_eq!(canonical(&value).unwrap(), format!("{{{}}}", naive.join(",")));
    }
}
