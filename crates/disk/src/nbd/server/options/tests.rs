//! Options with lengths that lie.

use proptest::prelude::*;

use super::*;

fn text(text: &str) -> Vec<u8> {
    let len = u32::try_from(text.len()).expect("short");
    [&len.to_be_bytes(), text.as_bytes()].concat()
}

#[test]
fn an_info_is_an_export_and_what_is_to_be_told() {
    let whole = [text("a"), vec![0, 2, 0, 1, 0, 3]].concat();
    let info = Info {
        export: "a",
        wanted: vec![1, 3],
    };
    assert_eq!(Info::parse(&whole), Some(info));
    for cut in 0..whole.len() {
        assert_eq!(Info::parse(&whole[..cut]), None, "{cut}");
    }
    assert_eq!(Info::parse(&[&whole[..], &[0]].concat()), None);
}

#[test]
fn queries_end_where_their_count_says() {
    let count = 2_u32.to_be_bytes().to_vec();
    let whole = [text("a"), count, text("base:"), text("")].concat();
    let contexts = Contexts {
        export: "a",
        queries: vec!["base:", ""],
    };
    assert_eq!(Contexts::parse(&whole), Some(contexts));
    for cut in 0..whole.len() {
        assert_eq!(Contexts::parse(&whole[..cut]), None, "{cut}");
    }
    // A count that nothing stands behind takes no memory.
    let lie = [text("a"), u32::MAX.to_be_bytes().to_vec()].concat();
    assert_eq!(Contexts::parse(&lie), None);
}

proptest! {
    #[test]
    fn no_bytes_make_a_panic(data in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _info = Info::parse(&data);
        let _contexts = Contexts::parse(&data);
    }
}
