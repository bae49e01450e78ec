//! The engine that moves rows from one place to another. It knows no repository and no verb; most of it still lies in `command`.

pub mod cargo;
pub mod loading;
pub mod paths;
