//! Puts the model's primitives into the crate, and the model beside them.

#![allow(clippy::print_stdout, reason = "it is how a build script speaks to cargo")]

fn main() {
    println!("cargo::rustc-check-cfg=cfg(hhe_model)");
    println!("cargo::rustc-cfg=hhe_model");
}
