package bittorrent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/anacrolix/torrent/bencode"
	"github.com/anacrolix/torrent/merkle"
	"github.com/anacrolix/torrent/metainfo"

	"github.com/zeronetscript/universal_p2p/stream"
)

// Names of what is kept beside the pieces of a torrent. It outlives them, so that a second visit asks no swarm for the list of
// files and starts with the peers that were good.
const (
	metaTorrent = "torrent" // the .torrent
	metaPeers   = "peers"   // JSON list of host:port
	metaAlias   = "alias"   // under a v2 infohash: the canonical ID of the hybrid torrent
)

// Metainfo implements stream.MetaBackend.
func (b *Backend) Metainfo(ctx context.Context, root stream.Root) ([]byte, error) {
	t, err := b.Open(ctx, root)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	mi := t.(*tree).s.t.Metainfo()
	mi.Comment, mi.CreatedBy, mi.CreationDate = "", "universal-p2p", 0
	mi.Announce, mi.AnnounceList = "", nil
	if trackers := t.(*tree).s.allTrackers(); len(trackers) > 0 {
		mi.AnnounceList = metainfo.AnnounceList{trackers}
	}
	if isPrivate(t.(*tree).s.t.Info()) {
		mi.AnnounceList, mi.UrlList = nil, nil // they hold the user's passkey, and any page can read this
	}
	mi.Encoding = b.encodingOf(t.ID())
	data, err := bencode.Marshal(mi)
	if err != nil {
		return nil, fmt.Errorf("bittorrent: %s: writing the .torrent: %w", t.ID(), err)
	}
	return data, nil
}

// AddMetainfo implements stream.MetaBackend.
func (b *Backend) AddMetainfo(_ context.Context, data []byte) (string, error) {
	mi, info, err := readMetainfo(data)
	if err != nil {
		return "", fmt.Errorf("%w: %w", stream.ErrBadMetainfo, err)
	}
	if _, err := newLayout(info); err != nil {
		return "", fmt.Errorf("%w: %w", stream.ErrBadMetainfo, err)
	}
	tg := targetOf(mi, info)
	if err := b.writeMetainfo(tg, data); err != nil {
		return "", err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.uploads++
	if s := b.find(tg); s != nil && !s.leaving { // somebody waits for it
		if err := b.registry.setInfo(s.t, mi.InfoBytes, mi.PieceLayers); err != nil {
			return "", fmt.Errorf("%w: %w", stream.ErrBadMetainfo, err)
		}
		s.addHints(tg)
	}
	return tg.id(), nil
}

// readMetainfo parses a .torrent. What it describes is only as sound as its hashes.
func readMetainfo(data []byte) (*metainfo.MetaInfo, *metainfo.Info, error) {
	mi, err := metainfo.Load(bytes.NewReader(data))
	if err != nil {
		return nil, nil, err
	}
	info, err := mi.UnmarshalInfo()
	if err != nil {
		return nil, nil, err
	}
	if err := validInfo(&info); err != nil {
		return nil, nil, err
	}
	if !info.HasV2() {
		mi.PieceLayers = nil // they say nothing of a v1 torrent, and given any, the library never opens it
	}
	if err := validLayers(mi.PieceLayers, &info); err != nil {
		return nil, nil, err
	}
	return mi, &info, nil
}

// validInfo refuses what the library's own arithmetic would stumble over.
func validInfo(info *metainfo.Info) error {
	if info.PieceLength <= 0 || info.PieceLength > maxPieceLength {
		return fmt.Errorf("piece length %d", info.PieceLength)
	}
	if info.HasV2() {
		if err := info.FileTree.Validate(); err != nil {
			return err
		}
		if info.PieceLength < blockSize || info.PieceLength&(info.PieceLength-1) != 0 {
			return fmt.Errorf("piece length %d", info.PieceLength)
		}
	}
	if len(info.Pieces)%20 != 0 {
		return errors.New("the piece hashes are cut short")
	}
	total, limit := int64(0), maxPieces*info.PieceLength
	for fi := range info.UpvertedFilesIter() {
		if fi.Length < 0 || fi.Length > limit-total {
			return errors.New("a file's length is out of range")
		}
		total += fi.Length
	}
	pieces := info.NumPieces()
	if pieces <= 0 || pieces > maxPieces {
		return fmt.Errorf("it has %d pieces", pieces)
	}
	if info.HasV1() && len(info.Pieces)/20 != pieces {
		return fmt.Errorf("it has %d hashes for %d pieces", len(info.Pieces)/20, pieces)
	}
	return nil
}

// validLayers refuses piece layers that do not belong to the files: given wrong ones, the library never opens the torrent. Those
// that are missing it asks the swarm for.
func validLayers(layers map[string]string, info *metainfo.Info) error {
	if len(layers) == 0 {
		return nil
	}
	pad := metainfo.HashForPiecePad(info.PieceLength)
	for fi := range info.UpvertedFilesIter() {
		root := fi.PiecesRoot.Value
		layer, ok := layers[string(root[:])]
		pieces := (fi.Length + info.PieceLength - 1) / info.PieceLength
		if !ok || pieces < 2 {
			continue
		}
		hashes, err := merkle.CompactLayerToSliceHashes(layer)
		if err != nil || int64(len(layer)) != pieces*sha256.Size || merkle.RootWithPadHash(hashes, pad) != root {
			return errors.New("a piece layer does not match its file")
		}
	}
	return nil
}

// keptMetainfo returns what was kept of the torrent, or nil.
func (b *Backend) keptMetainfo(tg target) (*metainfo.MetaInfo, *metainfo.Info) {
	id := tg.id()
	data, err := b.store.ReadMeta(space, id, metaTorrent)
	if errors.Is(err, fs.ErrNotExist) && tg.v2 != "" {
		var alias []byte
		if alias, err = b.store.ReadMeta(space, tg.v2, metaAlias); err == nil {
			id = hexDigits(string(alias), 20)
			data, err = b.store.ReadMeta(space, id, metaTorrent)
		}
	}
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			b.log.Warn("a kept .torrent cannot be read", "root", id, "err", err)
		}
		return nil, nil
	}
	mi, info, err := readMetainfo(data)
	if err == nil {
		if got := targetOf(mi, info); (tg.v1 == "" || got.v1 == tg.v1) && (tg.v2 == "" || got.v2 == tg.v2) {
			return mi, info
		}
		err = errors.New("it is of another torrent")
	}
	b.log.Warn("a kept .torrent is damaged, asking the swarm again", "root", id, "err", err)
	return nil, nil
}

// keepMetainfo keeps what the swarm has told, if nothing is kept yet.
func (b *Backend) keepMetainfo(tg target, mi metainfo.MetaInfo) {
	if _, err := b.store.ReadMeta(space, tg.id(), metaTorrent); err == nil {
		return
	}
	// Trackers and web seeds are the word of a web page, and are not kept.
	mi.Announce, mi.AnnounceList, mi.UrlList, mi.Nodes = "", nil, nil, nil
	mi.Comment, mi.CreatedBy, mi.CreationDate = "", "", 0
	data, err := bencode.Marshal(mi)
	if err == nil {
		err = b.writeMetainfo(tg, data)
	}
	if err != nil {
		b.log.Warn("a .torrent cannot be kept", "root", tg.id(), "err", err)
	}
}

func (b *Backend) writeMetainfo(tg target, data []byte) error {
	if err := b.store.WriteMeta(space, tg.id(), metaTorrent, data); err != nil {
		return fmt.Errorf("bittorrent: keeping the .torrent: %w", spaceError(err))
	}
	if tg.v1 != "" && tg.v2 != "" {
		if err := b.store.WriteMeta(space, tg.v2, metaAlias, []byte(tg.v1)); err != nil {
			return fmt.Errorf("bittorrent: keeping the .torrent: %w", spaceError(err))
		}
	}
	return nil
}

// keepLayers adds the piece layers of a v2 torrent to what is kept, once the swarm has told them all. Without them a second
// visit would ask for them again.
func (b *Backend) keepLayers(s *swarm) {
	info := s.t.Info()
	if !info.HasV2() {
		return
	}
	data, err := b.store.ReadMeta(space, s.id, metaTorrent)
	if err != nil {
		return
	}
	kept, err := metainfo.Load(bytes.NewReader(data))
	if err != nil {
		return
	}
	layers := s.t.Metainfo().PieceLayers
	if len(layers) <= len(kept.PieceLayers) {
		return
	}
	kept.PieceLayers = layers
	if data, err = bencode.Marshal(kept); err == nil {
		err = b.store.WriteMeta(space, s.id, metaTorrent, data)
	}
	if err != nil {
		b.log.Warn("the piece layers cannot be kept", "root", s.id, "err", err)
	}
}

// encodingOf is the character set that the kept .torrent names for its file names, "" if none.
func (b *Backend) encodingOf(id string) string {
	data, err := b.store.ReadMeta(space, id, metaTorrent)
	if err != nil {
		return ""
	}
	mi, err := metainfo.Load(bytes.NewReader(data))
	if err != nil {
		return ""
	}
	return mi.Encoding
}

func (b *Backend) keptPeers(id string) []string {
	data, err := b.store.ReadMeta(space, id, metaPeers)
	if err != nil {
		return nil
	}
	var addrs []string
	if err := json.Unmarshal(data, &addrs); err != nil {
		b.log.Warn("the kept peers are damaged, forgetting them", "root", id, "err", err)
		return nil
	}
	return appendHints(nil, addrs, maxPeers, isPeerAddr)
}

func (b *Backend) keepPeers(id string, addrs []string) {
	if len(addrs) == 0 {
		return // those of last time may still be good
	}
	data, err := json.Marshal(addrs)
	if err == nil {
		err = b.store.WriteMeta(space, id, metaPeers, data)
	}
	if err != nil {
		b.log.Warn("the peers cannot be kept", "root", id, "err", err)
	}
}
