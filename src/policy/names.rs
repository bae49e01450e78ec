//! The sections and keys that a policy may have.

/// Every section and its keys. What is not here is an error.
pub(super) const SECTIONS: &[(&str, &[&str])] = &[
    ("source", &["dsn", "password_file", "password_command"]),
    ("selection", &["schemas", "exclude_schemas", "tables", "exclude_tables"]),
    ("repository", &["url", "writer_key"]),
    ("backup", &["jobs", "level", "lock_wait_timeout", "role_passwords", "accept_shrink", "pg_bin", "tags"]),
    (
        "retention",
        &[
            "keep_last",
            "keep_hourly",
            "keep_daily",
            "keep_weekly",
            "keep_monthly",
            "keep_yearly",
            "keep_within",
            "keep_tags",
            "grace",
            "time_zone",
        ],
    ),
];
