package daemon

import (
	"encoding/xml"
	"strings"
)

// arguments is the command line of the service.
func (o Options) arguments() []string {
	args := []string{"run", "--headless"}
	if o.DataDir != "" {
		args = append(args, "--data-dir", o.DataDir)
	}
	return args
}

// StateDir is the data folder of the service of the whole computer, where systemd is.
const StateDir = "/var/lib/" + Name

// SystemdUnit is the text of the unit (systemd.unit(5), systemd.exec(5)). That of the whole computer runs as a user of its own that
// has nothing but [StateDir], and sees no home. That of a user does without what needs namespaces, which a user's systemd does not have
// everywhere. Both are left the network, and netlink to learn of its changes.
func SystemdUnit(o Options) string {
	if !o.User {
		o.DataDir = StateDir
	}
	var b strings.Builder
	b.WriteString("[Unit]\nDescription=" + description + "\nDocumentation=https://github.com/zeronetscript/universal_p2p\n")
	if !o.User {
		b.WriteString("Wants=network-online.target\nAfter=network-online.target\n")
	}
	b.WriteString("\n[Service]\nType=exec\nExecStart=")
	for i, word := range append([]string{o.Exec}, o.arguments()...) {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(unitWord(word))
	}
	b.WriteString("\nRestart=on-failure\nRestartSec=5\nTimeoutStopSec=20\nUMask=0077\n\n" + hardened)
	if o.User {
		b.WriteString("\n[Install]\nWantedBy=default.target\n")
		return b.String()
	}
	b.WriteString(confined + "\n[Install]\nWantedBy=multi-user.target\n")
	return b.String()
}

// hardened is what costs nothing anywhere.
const hardened = `NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
`

// confined is what the service of the whole computer is kept in besides. Its config file is StateDir/config.toml, where its page can
// write.
const confined = `DynamicUser=yes
StateDirectory=` + Name + `
StateDirectoryMode=0700
Environment=XDG_CONFIG_HOME=%S
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateUsers=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RemoveIPC=yes
CapabilityBoundingSet=
AmbientCapabilities=
`

// unitWord quotes a word of a command line as systemd.service(5) takes it apart.
func unitWord(s string) string {
	s = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%", "$", "$$").Replace(s)
	if strings.ContainsAny(s, " \t'\"\\;") {
		return `"` + s + `"`
	}
	return s
}

// LaunchdPlist is the text of the daemon of the whole computer, which runs as user, or of the user's agent, when user is empty
// (launchd.plist(5)). It is started again when it crashes, and not when it is told to quit.
func LaunchdPlist(o Options, user string) string {
	var b strings.Builder
	line := func(indent, name, s string) {
		b.WriteString(indent + "<" + name + ">")
		xml.EscapeText(&b, []byte(s)) // a Builder does not fail
		b.WriteString("</" + name + ">\n")
	}
	b.WriteString(xml.Header +
		`<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">` + "\n" +
		"<plist version=\"1.0\">\n<dict>\n")
	line("\t", "key", "Label")
	line("\t", "string", Name)
	line("\t", "key", "ProgramArguments")
	b.WriteString("\t<array>\n")
	for _, word := range append([]string{o.Exec}, o.arguments()...) {
		line("\t\t", "string", word)
	}
	b.WriteString("\t</array>\n\t<key>RunAtLoad</key>\n\t<true/>\n\t<key>KeepAlive</key>\n\t<dict>\n" +
		"\t\t<key>SuccessfulExit</key>\n\t\t<false/>\n\t</dict>\n\t<key>ProcessType</key>\n\t<string>Background</string>\n")
	if user != "" {
		line("\t", "key", "UserName")
		line("\t", "string", user)
	}
	b.WriteString("\t<key>Umask</key>\n\t<integer>63</integer>\n</dict>\n</plist>\n") // 0077
	return b.String()
}
