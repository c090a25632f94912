//! A new file of migrations is a reason to build anew.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
