//! The program is linked without symbols and debug information: four of five bytes of it. A panic names its file and line without them.
//! The tests keep theirs, for their backtraces, and share everything that was compiled: a profile could only strip both.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg-bins=-Wl,--strip-all");
}
