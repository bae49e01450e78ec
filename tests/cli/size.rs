//! The program that is shipped carries no symbols and no debug information.

/// Names of an ELF file's sections (`man 5 elf`, 64 bits, little-endian).
fn sections(file: &[u8]) -> Vec<String> {
    let number = |at: usize, bytes: usize| file[at..at + bytes].iter().rev().fold(0, |n, b| n << 8 | usize::from(*b));
    let (headers, size, count, names) = (number(40, 8), number(58, 2), number(60, 2), number(62, 2));
    let names_at = number(headers + names * size + 24, 8);
    let name = |n: usize| {
        let begin = names_at + number(headers + n * size, 4);
        let end = file[begin..].iter().position(|byte| *byte == 0).unwrap();
        String::from_utf8(file[begin..begin + end].to_vec()).unwrap()
    };
    (0..count).map(name).collect()
}

#[test]
fn it_is_stripped() {
    let sections = sections(&std::fs::read(env!("CARGO_BIN_EXE_pgkeep")).unwrap());
    assert!(sections.iter().any(|name| name == ".text"), "{sections:?}");
    // The standard library asks debuggers to load something, in a few bytes that are part of the program.
    let is_loaded = |name: &&String| *name == ".debug_gdb_scripts";
    let ballast = |name: &&String| (name.starts_with(".debug") && !is_loaded(name)) || *name == ".symtab";
    assert_eq!(sections.iter().filter(ballast).collect::<Vec<_>>(), [""; 0]);
    // The tests themselves are not: their backtraces have lines.
    let own = self::sections(&std::fs::read(std::env::current_exe().unwrap()).unwrap());
    assert!(own.iter().any(|name| name.starts_with(".debug_line")), "{own:?}");
}
