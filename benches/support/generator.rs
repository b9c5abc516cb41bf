//! A generated registry of any size, with the shapes of the real one, the same for the same seed.
//!
//! The figures are those of the real registry in August 2026: about 3.3 versions of a name, 1,156
//! at most; a `server` object of 561 bytes in the median and 1,782 at the 95th percentile; more
//! packages than remotes; most names under `io.github.`.

/// `SplitMix64`: small, well distributed, and the same everywhere.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn pick<'w>(&mut self, words: &[&'w str]) -> &'w str {
        let index = self.below(words.len() as u64);
        words[usize::try_from(index).expect("an index")]
    }
}

/// One generated item with its name and version.
#[derive(Debug, Clone)]
pub struct Generated {
    pub name: String,
    pub version: String,
    pub item: String,
}

const SYLLABLES: [&str; 24] = [
    "or", "chard", "lan", "tern", "mea", "dow", "har", "bor", "fal", "con", "qui", "ver", "thi",
    "stle", "bri", "dge", "cin", "der", "wil", "low", "pep", "per", "mar", "ble",
];
const WORDS: [&str; 40] = [
    "search",
    "manage",
    "query",
    "list",
    "create",
    "update",
    "files",
    "documents",
    "notes",
    "calendar",
    "issues",
    "tickets",
    "database",
    "records",
    "images",
    "audio",
    "weather",
    "maps",
    "trades",
    "prices",
    "contracts",
    "mail",
    "messages",
    "channels",
    "workflows",
    "agents",
    "models",
    "prompts",
    "tools",
    "servers",
    "logs",
    "metrics",
    "alerts",
    "deployments",
    "repositories",
    "pull",
    "requests",
    "reviews",
    "invoices",
    "customers",
];

fn word(random: &mut Random, syllables: u64) -> String {
    (0..syllables).map(|_| random.pick(&SYLLABLES)).collect()
}

fn sentence(random: &mut Random, words: u64) -> String {
    let words: Vec<&str> = (0..words).map(|_| random.pick(&WORDS)).collect();
    words.join(" ")
}

/// Generates `count` items, ordered by name and version as the upstream lists them.
pub fn generate(count: usize, seed: u64) -> Vec<Generated> {
    let mut random = Random::seeded(seed);
    let mut rows = Vec::with_capacity(count);
    let mut serial = 0_u64;
    while rows.len() < count {
        serial += 1;
        let name = name(&mut random, serial);
        let versions = versions(&mut random, serial).min(count - rows.len());
        rows.extend(server(&mut random, &name, versions));
    }
    rows.sort_by(|left, right| (&left.name, &left.version).cmp(&(&right.name, &right.version)));
    rows
}

fn name(random: &mut Random, serial: u64) -> String {
    let syllables = 2 + random.below(3);
    let owner = word(random, syllables);
    let namespace = match random.below(10) {
        0..=6 => format!("io.github.{owner}{serial}"),
        7..=8 => format!("com.{owner}{serial}"),
        _ => format!("ai.{owner}.tools{serial}"),
    };
    let leaf = if random.chance(8) { "mcp".to_owned() } else { format!("{}-mcp", word(random, 3)) };
    format!("{namespace}/{leaf}")
}

fn versions(random: &mut Random, serial: u64) -> usize {
    let versions = match random.below(100) {
        _ if serial == 7 => 1_156,
        0..=59 => 1,
        60..=79 => 2 + random.below(2),
        80..=94 => 4 + random.below(6),
        95..=98 => 10 + random.below(20),
        _ => 30 + random.below(60),
    };
    usize::try_from(versions).expect("a count")
}

fn server(random: &mut Random, name: &str, versions: usize) -> Vec<Generated> {
    let title = sentence(random, 2);
    let words = 6 + random.below(8);
    let description: String = sentence(random, words).chars().take(100).collect();
    let parts = parts(random, name);
    let extra = if random.chance(7) {
        environment(random, 6 + random.clone().below(14))
    } else {
        environment(random, random.clone().below(3))
    };
    (0..versions)
        .map(|index| {
            let version = if random.chance(2) {
                format!("v0.{index}.1")
            } else {
                format!("{}.{}.{}", index / 40, index / 5 % 8, index % 5)
            };
            let server = format!(
                r#"{{"$schema":"https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json","name":"{name}","description":"{description}","title":"{title}","repository":{{"url":"https://github.com/{name}","source":"github"}},"version":"{version}"{}}}"#,
                parts.replace("VERSION", &version).replace("ENVIRONMENT", &extra),
            );
            let day = 1 + random.below(28);
            let month = 1 + random.below(8);
            let time = format!("2026-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:06}Z", random.below(24), random.below(60), random.below(60), random.below(1_000_000));
            let item = format!(
                r#"{{"server":{server},"_meta":{{"io.modelcontextprotocol.registry/official":{{"status":"active","statusChangedAt":"{time}","publishedAt":"{time}","updatedAt":"{time}","isLatest":{}}}}}}}"#,
                index + 1 == versions,
            );
            Generated { name: name.to_owned(), version, item }
        })
        .collect()
}

fn parts(random: &mut Random, name: &str) -> String {
    let host = name.replace('/', ".");
    let remote = format!(
        r#","remotes":[{{"type":"streamable-http","url":"https://{host}.example.com/mcp"}}]"#
    );
    let leaf = name.rsplit('/').next().unwrap_or(name);
    let kind = random.pick(&["npm", "npm", "pypi", "oci"]);
    let package = format!(
        r#","packages":[{{"registryType":"{kind}","registryBaseUrl":"https://packages.example.com","identifier":"@{leaf}/{leaf}","version":"VERSION","runtimeHint":"npx","transport":{{"type":"stdio"}}ENVIRONMENT}}]"#
    );
    match random.below(10) {
        0..=3 => remote,
        4..=8 => package,
        _ => format!("{remote}{package}"),
    }
}

fn environment(random: &mut Random, count: u64) -> String {
    if count == 0 {
        return String::new();
    }
    let variables: Vec<String> = (0..count)
        .map(|index| {
            let text = sentence(random, 6);
            format!(r#"{{"description":"{text}","isRequired":true,"format":"string","isSecret":true,"name":"VARIABLE_{index}"}}"#)
        })
        .collect();
    format!(r#","environmentVariables":[{}]"#, variables.join(","))
}
