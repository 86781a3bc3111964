package ipfs_test

import (
	"encoding/binary"

	"github.com/ipfs/go-cid"

	"github.com/zeronetscript/universal_p2p/stream/ipfs/ipfspeer"
)

// This file writes blocks that no honest program would.

// num and bin write fields of a protocol buffer.
func num(field int, v uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(nil, uint64(field)<<3), v)
}

func bin(field int, b []byte) []byte {
	return append(binary.AppendUvarint(binary.AppendUvarint(nil, uint64(field)<<3|2), uint64(len(b))), b...)
}

func cat(parts ...[]byte) (all []byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// to writes a link.
func to(c cid.Cid, name string, size uint64) []byte {
	return bin(2, cat(bin(1, c.Bytes()), bin(2, []byte(name)), num(3, size)))
}

// fsData writes a UnixFS message of a type.
func fsData(kind uint64, more ...[]byte) []byte { return bin(1, cat(num(1, kind), cat(more...))) }

const (
	folderType  = 1
	fileType    = 2
	symlinkType = 4
	shardType   = 5
)

// pb puts a dag-pb block into p.
func pb(p *ipfspeer.Peer, parts ...[]byte) cid.Cid {
	data := cat(parts...)
	c, err := cid.V1Builder{Codec: cid.DagProtobuf, MhType: 0x12}.Sum(data)
	if err != nil {
		panic(err)
	}
	p.AddBlock(c, data)
	return c
}

// raw puts a raw block into p.
func raw(p *ipfspeer.Peer, data []byte) cid.Cid {
	c, _ := rawBlock(data)
	p.AddBlock(c, data)
	return c
}
