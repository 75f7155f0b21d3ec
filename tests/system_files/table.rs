//! The table: what the files say, a name, and what is found.

/// A machine, and a name that is looked up on it.
pub(crate) struct Row {
    pub(crate) what: &'static str,
    /// resolv.conf; `None` is a file that is not there, and so below.
    resolv_conf: Option<&'static [u8]>,
    hosts: Option<&'static [u8]>,
    nsswitch: Option<&'static [u8]>,
    gai_conf: Option<&'static [u8]>,
    host_conf: &'static [u8],
    /// Those of these files that are directories.
    pub(crate) directories: &'static [&'static str],
    pub(crate) environment: &'static [(&'static str, &'static str)],
    pub(crate) hostname: &'static str,
    pub(crate) name: &'static str,
    /// What getaddrinfo finds, in any order.
    pub(crate) found: &'static str,
    pub(crate) hickory: Hickory,
    /// Whether the order of the system counts.
    pub(crate) is_ordered: bool,
}

/// What hickory finds.
#[derive(Clone, Copy)]
pub(crate) enum Hickory {
    Same,
    /// Something else, for a reason that is in the docs of `HickoryResolver`.
    Differs(&'static str),
}

impl Row {
    /// The files that are there.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&'static str, &'static [u8])> {
        let files = [
            ("resolv.conf", self.resolv_conf),
            ("hosts", self.hosts),
            ("nsswitch.conf", self.nsswitch),
            ("gai.conf", self.gai_conf),
            ("host.conf", Some(self.host_conf)),
        ];
        files.into_iter().filter_map(|(name, text)| Some((name, text?)))
    }

    const fn of(what: &'static str, name: &'static str, found: &'static str) -> Self {
        Self {
            what,
            resolv_conf: Some(MAIN),
            hosts: Some(b"127.0.0.1 localhost\n::1 localhost\n"),
            nsswitch: Some(b"hosts: files dns\n"),
            gai_conf: Some(b""),
            host_conf: b"multi on\n",
            directories: &[],
            environment: &[],
            hostname: "box",
            name,
            found,
            hickory: Hickory::Same,
            is_ordered: false,
        }
    }

    /// With another resolv.conf.
    const fn conf(what: &'static str, resolv_conf: &'static [u8], name: &'static str, found: &'static str) -> Self {
        let mut row = Self::of(what, name, found);
        row.resolv_conf = Some(resolv_conf);
        row
    }

    /// With another table of hosts.
    const fn hosts(what: &'static str, hosts: &'static [u8], name: &'static str, found: &'static str) -> Self {
        let mut row = Self::of(what, name, found);
        row.hosts = Some(hosts);
        row
    }

    const fn nsswitch(what: &'static str, nsswitch: &'static [u8], name: &'static str, found: &'static str) -> Self {
        let mut row = Self::of(what, name, found);
        row.nsswitch = Some(nsswitch);
        row.hosts = Some(b"192.0.2.7 hosted.example listed.example\n");
        row
    }

    const fn gai_conf(what: &'static str, gai_conf: &'static [u8], name: &'static str, found: &'static str) -> Self {
        let mut row = Self::of(what, name, found);
        row.gai_conf = Some(gai_conf);
        row
    }

    const fn with_host_conf(mut self, host_conf: &'static [u8]) -> Self {
        self.host_conf = host_conf;
        self
    }

    const fn without(mut self, file: File) -> Self {
        match file {
            File::ResolvConf => self.resolv_conf = None,
            File::Hosts => self.hosts = None,
            File::Nsswitch => self.nsswitch = None,
            File::GaiConf => self.gai_conf = None,
        }
        self
    }

    /// This file is a directory.
    const fn with_directory(mut self, file: File, name: &'static [&'static str]) -> Self {
        self = self.without(file);
        self.directories = name;
        self
    }

    const fn with_conf(mut self, resolv_conf: &'static [u8]) -> Self {
        self.resolv_conf = Some(resolv_conf);
        self
    }

    const fn in_environment(mut self, environment: &'static [(&'static str, &'static str)]) -> Self {
        self.environment = environment;
        self
    }

    const fn on(mut self, hostname: &'static str) -> Self {
        self.hostname = hostname;
        self
    }

    const fn hickory(mut self, found: &'static str) -> Self {
        self.hickory = Hickory::Differs(found);
        self
    }

    const fn ordered(mut self) -> Self {
        self.is_ordered = true;
        self
    }
}

#[derive(Clone, Copy)]
enum File {
    ResolvConf,
    Hosts,
    Nsswitch,
    GaiConf,
}

const MAIN: &[u8] = b"nameserver 127.0.0.53\n";
/// glibc has no bound on a line.
const LONG_LINE: &[u8] = &long_line();

const fn long_line() -> [u8; 5000] {
    let mut line = [b' '; 5000];
    let (keyword, server) = (b"nameserver", b"127.0.0.53\n");
    let mut place = 0;
    while place < keyword.len() {
        line[place] = keyword[place];
        place += 1;
    }
    place = 0;
    while place < server.len() {
        line[5000 - server.len() + place] = server[place];
        place += 1;
    }
    line
}

const WWW: &str = "192.0.2.1 2001:db8::1";
const DNS_HOSTED: &str = "192.0.2.66 2001:db8::66";

/// The configurations. The servers, and what they know, are in `servers.rs`.
pub(crate) const ROWS: &[Row] = &[
    // Servers.
    Row::of("one server", "www.example", WWW),
    Row::of("one family", "v4.example", "192.0.2.2"),
    Row::of("the other family", "v6.example", "2001:db8::2"),
    Row::of("a name that does not exist", "nothing.example", ""),
    Row::of("an answer that is truncated", "big.example", "192.0.2.3"),
    Row::conf("no server", b"", "which.example", "192.0.2.1"),
    Row::conf("options alone", b"options timeout:1\n", "which.example", "192.0.2.1"),
    Row::of("no resolv.conf", "which.example", "192.0.2.1").without(File::ResolvConf),
    Row::of("no resolv.conf, a domain of the machine", "db", "192.0.2.11 2001:db8::11").without(File::ResolvConf).on("box.b.corp"),
    Row::of("resolv.conf is a directory", "which.example", "")
        .with_directory(File::ResolvConf, &["resolv.conf"])
        .hickory("192.0.2.1"),
    Row::conf("two servers that differ", b"nameserver 127.0.0.53\nnameserver 127.0.0.54\n", "which.example", "192.0.2.53"),
    Row::conf("the first server refuses", b"nameserver 127.0.0.55\nnameserver 127.0.0.54\n", "which.example", "192.0.2.54"),
    Row::conf("the first server fails", b"nameserver 127.0.0.56\nnameserver 127.0.0.54\n", "which.example", "192.0.2.54"),
    Row::conf("the first server implements nothing", b"nameserver 127.0.0.59\nnameserver 127.0.0.54\n", "which.example", "192.0.2.54"),
    Row::conf(
        "the first server is silent",
        b"nameserver 127.0.0.57\nnameserver 127.0.0.54\noptions timeout:1\n",
        "which.example",
        "192.0.2.54",
    ),
    Row::conf("the first server is not there", b"nameserver 127.0.0.58\nnameserver 127.0.0.54\n", "which.example", "192.0.2.54"),
    Row::conf(
        "the third server answers",
        b"nameserver 127.0.0.58\nnameserver 127.0.0.55\nnameserver 127.0.0.54\n",
        "which.example",
        "192.0.2.54",
    ),
    Row::conf(
        "the fourth server answers",
        b"nameserver 127.0.0.58\nnameserver 127.0.0.58\nnameserver 127.0.0.58\nnameserver 127.0.0.54\noptions timeout:1 attempts:1\n",
        "which.example",
        "",
    ),
    Row::conf("a server by IPv6", b"nameserver ::1\n", "which.example", "192.0.2.6"),
    Row::conf("a server with a zone", b"nameserver fe80::53%lo\n", "which.example", "192.0.2.80"),
    Row::conf("a server with a zone by number", b"nameserver fe80::53%1\n", "which.example", "192.0.2.80"),
    Row::conf("a server with a zone, over TCP", b"nameserver fe80::53%lo\noptions use-vc\n", "which.example", "192.0.2.80"),
    Row::conf("a server in hexadecimal and octal", b"nameserver 0x7f.0.053\n", "which.example", "192.0.2.43"),
    Row::conf("the server is any address", b"nameserver 0.0.0.0\n", "which.example", "192.0.2.1"),
    Row::conf("the server is a mapped address", b"nameserver ::ffff:127.0.0.53\n", "which.example", "192.0.2.53"),
    Row::conf("a server that is none", b"nameserver dns.example\nnameserver 127.0.0.54\n", "which.example", "192.0.2.54"),
    Row::conf("something behind the server", b"nameserver 127.0.0.53 # the first\n", "which.example", "192.0.2.53"),
    // White space and odd bytes.
    Row::conf("white space before the keyword", b" nameserver 127.0.0.54\n\tsearch b.corp\n", "which.example", "192.0.2.1"),
    Row::conf("tabs", b"nameserver\t\t127.0.0.53\t\nsearch\tb.corp\ta.corp\n", "db", "192.0.2.11 2001:db8::11"),
    Row::conf("lines that end as on Windows", b"nameserver 127.0.0.53\r\noptions ndots:1\r\n", "which.example", "192.0.2.1"),
    Row::conf("a vertical tab", b"nameserver\x0b127.0.0.54\nnameserver 127.0.0.53\n", "which.example", "192.0.2.53"),
    Row::conf("no line end", b"nameserver 127.0.0.53", "which.example", "192.0.2.53"),
    Row::conf("Latin-1 in a comment", b"# f\xfcr B\xfcro\nnameserver 127.0.0.53\n", "which.example", "192.0.2.53"),
    Row::conf("Latin-1 behind a server", b"nameserver 127.0.0.53 # B\xfcro\n", "which.example", "192.0.2.53"),
    Row::conf("Latin-1 in a search list", b"nameserver 127.0.0.53\nsearch b\xfcro.corp b.corp\n", "only", "192.0.2.13"),
    // Options.
    Row::conf("a line that is too long", LONG_LINE, "which.example", "192.0.2.53"),
    Row::conf("a line end of old machines", b"nameserver 127.0.0.54\rnameserver 127.0.0.53\n", "which.example", "192.0.2.1"),
    Row::conf("a zero byte", b"nameserver 127.0.0.53\0\nnameserver 127.0.0.54\n", "which.example", "192.0.2.53"),
    Row::conf("a byte-order mark", b"\xef\xbb\xbfnameserver 127.0.0.54\n", "which.example", "192.0.2.1"),
    Row::conf("a semicolon", b";nameserver 127.0.0.54\nnameserver 127.0.0.53;\n", "which.example", "192.0.2.1"),
    Row::conf("use-vc", b"nameserver 127.0.0.61\noptions use-vc\n", "which.example", "192.0.2.61"),
    Row::conf("use-vc and other options", b"nameserver 127.0.0.61\noptions timeout:1 use-vc edns0 trust-ad\n", "which.example", "192.0.2.61"),
    Row::conf("edns0", b"nameserver 127.0.0.53\noptions edns0\n", "www.example", WWW),
    Row::conf("one request at a time", b"nameserver 127.0.0.53\noptions single-request single-request-reopen\n", "www.example", WWW),
    Row::conf("options that nobody knows", b"nameserver 127.0.0.53\noptions foo bar:1 ndots timeout\n", "www.example", WWW),
    Row::conf("no time, no attempts", b"nameserver 127.0.0.53\noptions timeout:0\n", "www.example", WWW),
    Row::conf("rotate", b"nameserver 127.0.0.53\noptions rotate\n", "www.example", WWW),
    Row::conf("no AAAA", b"nameserver 127.0.0.53\noptions no-aaaa\n", "www.example", "192.0.2.1"),
    Row::of("options in the environment", "which.example", "192.0.2.61")
        .with_conf(b"nameserver 127.0.0.61\n")
        .in_environment(&[("RES_OPTIONS", "use-vc")]),
    // Search lists.
    Row::conf("a search list", b"nameserver 127.0.0.53\nsearch a.corp b.corp\n", "db", "192.0.2.10"),
    Row::conf("the second domain has it", b"nameserver 127.0.0.53\nsearch a.corp b.corp\n", "only", "192.0.2.13"),
    Row::conf("a domain", b"nameserver 127.0.0.53\ndomain b.corp a.corp\n", "db", "192.0.2.11 2001:db8::11"),
    Row::conf("the last line counts", b"nameserver 127.0.0.53\nsearch a.corp\ndomain b.corp\n", "db", "192.0.2.11 2001:db8::11"),
    Row::conf("an empty line does not", b"nameserver 127.0.0.53\nsearch b.corp\nsearch\n", "only", "192.0.2.13"),
    Row::conf("a dot before the domain", b"nameserver 127.0.0.53\nsearch .b.corp\n", "only", "192.0.2.13"),
    Row::conf("a dot before the domain, a name with a dot", b"nameserver 127.0.0.53\nsearch .b.corp\n", "only.x", "192.0.2.14"),
    Row::conf("the root among the domains", b"nameserver 127.0.0.53\nsearch . a.corp\n", "db", "192.0.2.99"),
    Row::conf("an odd domain", b"nameserver 127.0.0.53\nsearch -- b.corp\n", "only", "192.0.2.13"),
    Row::conf("a domain that is none", b"nameserver 127.0.0.53\nsearch a..b b.corp\n", "only", "").hickory("192.0.2.13"),
    Row::conf("a comment behind the domains", b"nameserver 127.0.0.53\nsearch a.corp # b.corp\n", "only", "192.0.2.13"),
    Row::conf("seven domains", b"nameserver 127.0.0.53\nsearch 1.x 2.x 3.x 4.x 5.x 6.x b.corp\n", "only", "192.0.2.13"),
    Row::of("the domain of the machine", "only", "192.0.2.13").on("box.b.corp"),
    Row::of("the domain of the machine, a name with a dot", "only.x", "192.0.2.14").on("box.b.corp"),
    Row::conf("a search list beside the domain of the machine", b"nameserver 127.0.0.53\nsearch a.corp\n", "only", "").on("box.b.corp"),
    Row::of("domains in the environment", "only", "192.0.2.13")
        .with_conf(b"nameserver 127.0.0.53\nsearch a.corp\n")
        .in_environment(&[("LOCALDOMAIN", "x.corp b.corp")]),
    Row::of("no domain in the environment", "db", "192.0.2.99")
        .with_conf(b"nameserver 127.0.0.53\nsearch a.corp\n")
        .in_environment(&[("LOCALDOMAIN", "")]),
    // ndots.
    Row::conf("ndots:5", b"nameserver 127.0.0.53\nsearch a.corp\noptions ndots:5\n", "www.example", "192.0.2.12"),
    Row::conf("ndots:1", b"nameserver 127.0.0.53\nsearch a.corp\noptions ndots:1\n", "www.example", WWW),
    Row::conf("ndots:5, a complete name", b"nameserver 127.0.0.53\nsearch a.corp\noptions ndots:5\n", "www.example.", WWW),
    Row::conf("ndots with a space", b"nameserver 127.0.0.53\nsearch a.corp\noptions ndots: 5\n", "www.example", "192.0.2.12"),
    Row::conf("ndots below zero", b"nameserver 127.0.0.53\nsearch a.corp\noptions ndots:-1\n", "www.example", "192.0.2.12"),
    Row::conf("ndots of nothing", b"nameserver 127.0.0.53\nsearch a.corp\noptions ndots:\n", "db", "192.0.2.99"),
    Row::conf("options without white space", b"nameserver 127.0.0.53\nsearch a.corp\noptionsndots:5\n", "www.example", WWW),
    Row::conf("options behind white space", b"nameserver 127.0.0.53\nsearch a.corp\n options ndots:5\n", "www.example", WWW),
    Row::conf("the last ndots counts", b"nameserver 127.0.0.53\nsearch a.corp\noptions ndots:5\noptions ndots:1\n", "www.example", WWW),
    Row::of("ndots in the environment", "www.example", "192.0.2.12")
        .with_conf(b"nameserver 127.0.0.53\nsearch a.corp\n")
        .in_environment(&[("RES_OPTIONS", "ndots:3")]),
    Row::conf("no query for a single label", b"nameserver 127.0.0.53\nsearch x.corp\noptions no-tld-query\n", "db", ""),
    Row::conf("a single label", b"nameserver 127.0.0.53\nsearch x.corp\n", "db", "192.0.2.99"),
    // A domain whose server does not answer.
    Row::conf("a domain that is refused", b"nameserver 127.0.0.53\nsearch refused.corp b.corp\noptions ndots:5\n", "app.dev", "192.0.2.20"),
    Row::conf("a domain that is not implemented", b"nameserver 127.0.0.53\nsearch notimp.corp b.corp\noptions ndots:5\n", "app.dev", "192.0.2.20"),
    Row::conf("a domain whose queries are malformed", b"nameserver 127.0.0.53\nsearch formerr.corp b.corp\noptions ndots:5\n", "app.dev", "192.0.2.20"),
    Row::conf(
        "a domain that is silent",
        b"nameserver 127.0.0.53\nsearch silent.corp b.corp\noptions ndots:5 timeout:1 attempts:1\n",
        "app.dev",
        "192.0.2.20",
    ),
    Row::conf("a domain without data", b"nameserver 127.0.0.53\nsearch a.corp b.corp\noptions ndots:5\n", "app.dev", "192.0.2.21"),
    Row::conf("a single label in a domain that is refused", b"nameserver 127.0.0.53\nsearch refused.corp b.corp\n", "box", ""),
    Row::conf("a domain that fails", b"nameserver 127.0.0.53\nsearch servfail.corp b.corp\noptions ndots:5\n", "app.dev", "192.0.2.21"),
    // hosts.
    Row::hosts("a name in the table", b"192.0.2.7 hosted.example\n", "hosted.example", "192.0.2.7"),
    Row::hosts("in both families", b"192.0.2.7 hosted.example\n2001:db8::7 hosted.example\n", "hosted.example", "192.0.2.7 2001:db8::7"),
    Row::hosts("in both families, of which the system takes the first", b"192.0.2.7 hosted.example\n2001:db8::7 hosted.example\n", "hosted.example", "192.0.2.7")
        .with_host_conf(b"")
        .hickory("192.0.2.7 2001:db8::7"),
    Row::hosts("in another case", b"192.0.2.7 Hosted.EXAMPLE\n", "hosted.example", "192.0.2.7"),
    Row::hosts("an alias", b"192.0.2.7 first hosted.example # comment\n", "hosted.example", "192.0.2.7"),
    Row::hosts("a comment", b"#192.0.2.7 hosted.example\n", "hosted.example", DNS_HOSTED),
    Row::hosts("Latin-1 in a comment", b"# B\xfcro\n192.0.2.7 hosted.example\n", "hosted.example", "192.0.2.7"),
    Row::hosts("Latin-1 in another name", b"192.0.2.7 b\xfcro hosted.example\n", "hosted.example", "192.0.2.7"),
    Row::hosts("a byte-order mark", b"\xef\xbb\xbf192.0.2.7 hosted.example\n", "hosted.example", DNS_HOSTED),
    Row::hosts("a vertical tab", b"192.0.2.7\x0bhosted.example\n", "hosted.example", "192.0.2.7"),
    Row::hosts("a form feed", b"192.0.2.7\x0chosted.example\n", "hosted.example", "192.0.2.7"),
    Row::hosts("a no-break space", b"192.0.2.7\xc2\xa0hosted.example\n", "hosted.example", DNS_HOSTED),
    Row::hosts("lines that end as on Windows", b"192.0.2.7 hosted.example\r\n", "hosted.example", "192.0.2.7"),
    Row::hosts("lines that end as on old machines", b"127.0.0.1 localhost\r192.0.2.7 hosted.example", "hosted.example", "127.0.0.1"),
    Row::hosts("white space before the address", b" \t192.0.2.7 hosted.example\n", "hosted.example", "192.0.2.7"),
    Row::hosts("no line end", b"192.0.2.7 hosted.example", "hosted.example", "192.0.2.7"),
    Row::hosts("a zero byte", b"192.0.2.7 a\0 hosted.example\n", "hosted.example", DNS_HOSTED),
    Row::hosts("an address that is none", b"192.0.2.777 hosted.example\n192.0.2.7 hosted.example\n", "hosted.example", "192.0.2.7"),
    Row::hosts("an address with a zone", b"fe80::1%lo hosted.example\n", "hosted.example", DNS_HOSTED),
    Row::hosts("a mapped address", b"::ffff:192.0.2.7 hosted.example\n", "hosted.example", "192.0.2.7"),
    Row::hosts("the loopback address of IPv6 alone", b"::1 hosted.example\n", "hosted.example", "::1"),
    Row::hosts("a final dot in the table", b"192.0.2.7 hosted.example.\n", "hosted.example", DNS_HOSTED),
    Row::hosts("an address without names", b"192.0.2.7\n2001:db8::7 hosted.example\n", "hosted.example", "2001:db8::7"),
    Row::hosts("a backslash", b"192.0.2.7 hosted\\.example\n", "hosted.example", DNS_HOSTED),
    Row::hosts("a port", b"192.0.2.7:80 hosted.example\n[2001:db8::7] hosted.example\n", "hosted.example", DNS_HOSTED),
    Row::hosts("an address in octal", b"192.0.02.7 hosted.example\n", "hosted.example", DNS_HOSTED),
    Row::hosts("an underscore", b"192.0.2.7 my_host.example\n", "my_host.example", "192.0.2.7"),
    Row::hosts("a single label", b"192.0.2.7 db\n", "db", "192.0.2.7"),
    Row::hosts("the same address twice", b"192.0.2.7 hosted.example\n192.0.2.7 hosted.example\n", "hosted.example", "192.0.2.7"),
    Row::hosts("an empty table", b"", "hosted.example", DNS_HOSTED),
    Row::of("no table", "hosted.example", DNS_HOSTED).without(File::Hosts),
    Row::of("the table is a directory", "hosted.example", DNS_HOSTED).with_directory(File::Hosts, &["hosts"]),
    Row::hosts("localhost", b"127.0.0.1 localhost\n::1 localhost\n", "localhost", "127.0.0.1 ::1"),
    Row::hosts("localhost is elsewhere", b"127.0.0.9 localhost\n", "localhost", "127.0.0.9"),
    Row::hosts("a final dot by-passes the table", b"192.0.2.7 hosted.example\n", "hosted.example.", DNS_HOSTED).hickory("192.0.2.7"),
    Row::hosts("localhost is in no table", b"", "localhost", "").hickory("127.0.0.1 ::1"),
    // nsswitch.conf.
    Row::nsswitch("the table first", b"hosts: files dns\n", "hosted.example", "192.0.2.7"),
    Row::nsswitch("a source that is not there", b"hosts: files nosuch dns\n", "www.example", WWW),
    Row::nsswitch("the resolver of systemd, which is not there", b"hosts: files resolve [!UNAVAIL=return] dns\n", "www.example", WWW),
    Row::nsswitch("names of the network at hand", b"hosts: files mdns4_minimal [NOTFOUND=return] dns\n", "www.example", WWW),
    Row::nsswitch("in upper case", b"HOSTS: files\n", "www.example", WWW),
    Row::nsswitch("an action that goes over lines", b"hosts: files [NOTFOUND=\ncontinue] dns\n", "listed.example", "").hickory("192.0.2.7"),
    Row::nsswitch("an action", b"hosts: files [NOTFOUND=continue] dns\n", "www.example", WWW),
    Row::nsswitch("an action without white space", b"hosts:files[NOTFOUND=continue]dns\n", "www.example", WWW),
    Row::nsswitch("white space", b" hosts:\tfiles\x0bdns \r\n", "www.example", WWW),
    Row::nsswitch("no colon", b"hosts files dns\n", "www.example", WWW),
    Row::nsswitch("a comment behind it", b"hosts: files dns # nis\n", "www.example", WWW),
    Row::nsswitch("Latin-1 in a comment", b"# B\xfcro\nhosts: files dns\n", "listed.example", "192.0.2.7"),
    Row::nsswitch("the last line counts", b"hosts: dns\nhosts: files dns\n", "hosted.example", "192.0.2.7"),
    Row::nsswitch("an empty file", b"", "www.example", WWW),
    Row::nsswitch("no file", b"", "www.example", WWW).without(File::Nsswitch),
    Row::nsswitch("the DNS alone", b"hosts: dns\n", "hosted.example", DNS_HOSTED).hickory("192.0.2.7"),
    Row::nsswitch("the DNS first", b"hosts: dns files\n", "hosted.example", DNS_HOSTED).hickory("192.0.2.7"),
    Row::nsswitch("the DNS first, a name in the table", b"hosts: dns files\n", "listed.example", "192.0.2.7"),
    Row::nsswitch("the table alone", b"hosts: files\n", "www.example", "").hickory(WWW),
    Row::nsswitch("the DNS is never come to", b"hosts: files [NOTFOUND=return] dns\n", "www.example", "").hickory(WWW),
    // gai.conf.
    Row::gai_conf("an order of the system's own", b"reload yes\nprecedence ::ffff:0:0/96 100\n", "www.example", WWW).ordered(),
    Row::gai_conf("labels", b"label ::1/128 0\nlabel ::/0 1\n", "www.example", WWW).ordered(),
    Row::gai_conf("white space", b"\tprecedence\x0b::ffff:0:0/96\t100\r\n", "www.example", WWW).ordered(),
    Row::gai_conf("scopes of IPv4", b"scopev4 ::ffff:169.254.0.0/112 2\n", "www.example", WWW).ordered(),
    Row::gai_conf("Latin-1 in a comment", b"# B\xfcro\nprecedence ::ffff:0:0/96 100\n", "www.example", WWW).ordered(),
    Row::gai_conf("comments", b"#precedence ::ffff:0:0/96 100\n", "www.example", WWW),
    Row::of("no file", "www.example", WWW).without(File::GaiConf),
];
