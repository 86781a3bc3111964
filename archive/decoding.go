package archive

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync/atomic"
)

// A decoding is an unpacker at work on a run. It serves the goroutine of the run.
type decoding struct {
	u      *unpacking
	in     *input
	cancel context.CancelFunc
	un     unpacker
	grant  *grant
	given  atomic.Bool // the grant is needed elsewhere, or nobody comes any more

	pos     int64
	buf     []byte // of the chunk at pos, as far as it is unpacked; room for all of it
	damaged bool   // some of buf is of a member that is wrong

	// The member at pos.
	i     int // in the layout, -1 before the first
	e     *entry
	r     io.Reader // nil: go to the next
	start int64     // of the member in the run
	left  int64     // bytes; of a run without members as many as there are
	sum   uint32    // CRC-32 of what came
	mid   bool      // the member was entered in the middle
	over  bool      // nothing more comes
}

// enter returns a decoding that gets to place: d if it can and there is no shorter way, else a new one. One that is over from the
// start cannot be unpacked at all, which is noted.
func (u *unpacking) enter(d *decoding, place int64) (*decoding, error) {
	from := int64(0)
	if d != nil && d.pos <= place {
		from = d.pos
	}
	c, ok := u.checkpoint(place, from)
	if d != nil && d.pos <= place && !ok {
		return d, nil
	}
	d.close()
	u.forget()
	ctx, cancel := context.WithCancel(u.a.lib.ctx)
	d = &decoding{u: u, cancel: cancel, i: -1}
	d.in = newInput(ctx, u.a.leases, u.a.place, u.a.lib.limits)
	var memory int64
	if l := u.a.index().layout(u.run); len(l.entries) > 0 {
		memory = l.entries[0].Memory
	}
	if memory > u.a.lib.limits.Dictionary {
		u.breakOff(0, fmt.Errorf("%w: its decoder needs %d bytes", ErrLimit, memory))
		d.over = true
		return d, nil
	}
	var err error
	if d.grant, err = u.a.lib.budgets[u.a.place.depth].take(ctx, memory+1<<20); err != nil {
		return d, ErrClosed
	}
	if ok {
		if err := d.open(&c); err == nil || d.in.Failed(err) != nil {
			return d, d.in.Failed(err)
		}
		c = checkpoint{} // it is of another archive, or of no version that we know
	}
	if err := d.open(nil); err != nil {
		if source := d.in.Failed(err); source != nil {
			return d, source
		}
		if !isFault(err) {
			err = fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		u.breakOff(0, err)
		d.over = true
	}
	return d, nil
}

// open opens the unpacker at the start of the run, or at c.
func (d *decoding) open(c *checkpoint) (err error) {
	defer d.survive(&err)
	f, r := d.u.a.formatOf(), d.u.run_()
	if c == nil {
		d.un, err = f.unpack(d.in, r)
		d.began(0)
		return err
	}
	res, ok := f.(resumer)
	if !ok {
		return errors.ErrUnsupported
	}
	if d.un, err = res.resume(d.in, r, c.state); err != nil {
		return err
	}
	d.mid, d.sum = true, c.sum
	d.began(c.pos)
	return nil
}

// began says where the decoder is.
func (d *decoding) began(pos int64) {
	d.pos, d.buf = pos, make([]byte, 0, d.u.store.chunk)
	d.u.mu.Lock()
	defer d.u.mu.Unlock()
	d.u.from, d.u.pos, d.u.buf = pos, pos, d.buf
}

func (a *archive) formatOf() format {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.format
}

// run_ is the run as formats see it.
func (u *unpacking) run_() *run {
	return &run{
		n:       u.run,
		volumes: func() []string { return u.a.index().volumeList() },
		entries: func() []*entry { return u.a.index().layout(u.run).entries },
	}
}

// survive makes an error of a panic.
func (d *decoding) survive(err *error) {
	if p := recover(); p != nil {
		d.u.a.lib.log.Warn("an archive broke its decoder", "archive", d.u.a.place.File.Path(), "panic", p)
		*err = fmt.Errorf("%w: %v", ErrCorrupt, p)
	}
}

// close ends the unpacker. A nil decoding is fine.
func (d *decoding) close() {
	if d == nil {
		return
	}
	if n := len(d.buf); !d.damaged && n > 0 && n < cap(d.buf) {
		d.u.store.keepTail(d.pos-int64(n), d.buf, false)
	}
	d.cancel()
	if d.un != nil {
		func() {
			var err error
			defer d.survive(&err)
			d.un.close() // it only gives memory back
		}()
		d.un = nil
	}
	d.in.Close()
	if d.grant != nil {
		d.grant.release()
		d.grant = nil
	}
}

// guarded is step that survives what strangers have made to break it.
func (d *decoding) guarded() (err error) {
	defer d.survive(&err)
	return d.step()
}

// step goes on a little. An error ends the run here, unless it is of the source or the cache.
func (d *decoding) step() error {
	switch {
	case d.r == nil:
		return d.nextMember()
	case d.left == 0:
		return d.endMember(nil)
	}
	if err := d.bomb(); err != nil {
		return err
	}
	if len(d.buf) == cap(d.buf) {
		d.buf, d.damaged = d.buf[:0], false
		d.u.publish(d.buf, d.pos) // before it is written over
	}
	n := len(d.buf)
	room := d.buf[n:min(n+stepBytes, cap(d.buf))]
	room = room[:min(int64(len(room)), d.left)]
	m, err := d.r.Read(room)
	if m < 0 || m > len(room) {
		return errors.New("a decoder that counts wrong")
	}
	d.sum = crc(d.sum, room[:m])
	d.buf = d.buf[:n+m]
	d.pos += int64(m)
	d.left -= int64(m)
	if d.left == 0 { // the last bytes of a member are given out when all of it is known to be right
		return d.endMember(err)
	}
	if e := d.kept(); e != nil {
		return e
	}
	switch {
	case err == io.EOF && d.e == nil:
		return d.endRun()
	case err != nil:
		return d.broken(err)
	}
	return nil
}

// kept publishes what was unpacked, and keeps the chunk when it is whole.
func (d *decoding) kept() error {
	if len(d.buf) == cap(d.buf) {
		if err := d.keepChunk(); err != nil {
			return err
		}
	}
	d.u.publish(d.buf, d.pos)
	if d.pos%checkpointed == 0 && len(d.buf) == cap(d.buf) && d.r != nil {
		d.note()
	}
	return nil
}

// keepChunk writes the chunk down.
func (d *decoding) keepChunk() error {
	i := (d.pos - 1) / d.u.store.chunk
	if d.u.store.has(i) {
		return nil
	}
	if err := d.u.store.write(i, d.buf, d.damaged); err != nil {
		return cacheError{err}
	}
	return nil
}

// keepLast writes the last chunk down, which is not a full one.
func (d *decoding) keepLast() error {
	if d.u.store.size >= 0 || d.damaged {
		return d.keepChunk()
	}
	d.u.store.keepTail(d.pos-int64(len(d.buf)), d.buf, true)
	return nil
}

// bomb reports whether too much comes out of too little.
func (d *decoding) bomb() error {
	l := d.u.a.lib.limits
	if out := d.pos - d.u.begin(); out > harmless && out/l.Ratio > d.in.read.Load() {
		return fmt.Errorf("%w: %d bytes out of %d", ErrLimit, out, d.in.read.Load())
	}
	return nil
}

// begin is where the decoder has begun.
func (u *unpacking) begin() int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.from
}

// nextMember goes to the next member of the run.
func (d *decoding) nextMember() error {
	l := d.u.a.index().layout(d.u.run)
	if len(l.entries) > 0 && d.i+1 >= len(l.entries) {
		return d.endRun()
	}
	i, r, err := d.un.next()
	if err == io.EOF {
		return d.endRun()
	}
	if err != nil {
		return err
	}
	d.r = r
	if len(l.entries) == 0 { // a run that is not made of members
		d.left = maxSize
		return nil
	}
	if i <= d.i || i >= len(l.entries) {
		return fmt.Errorf("%w: member %d of a run after %d", ErrCorrupt, i, d.i)
	}
	for j := d.i + 1; j < i; j++ {
		d.u.a.setFault(l.entries[j], fmt.Errorf("%s: %w: a member that its decoder passes over", d.u.a.place.File.Path(), ErrCorrupt))
	}
	d.i, d.e, d.start = i, l.entries[i], l.starts[i]
	d.left = max(d.e.Size, 0)
	if d.mid {
		d.mid = false
		d.left = d.start + d.left - d.pos
		return nil
	}
	d.sum = 0
	if d.start < d.pos {
		return fmt.Errorf("%w: members of a run overlap", ErrCorrupt)
	}
	return d.jump(d.start)
}

// jump goes to a later place of the run. What is between is damaged.
func (d *decoding) jump(to int64) error {
	if to == d.pos {
		return nil
	}
	d.damaged = true
	chunk := d.u.store.chunk
	if at := d.pos - int64(len(d.buf)); to/chunk > at/chunk {
		if len(d.buf) > 0 && len(d.buf) < cap(d.buf) {
			d.buf = d.buf[:cap(d.buf)]
			d.pos = at + chunk
			if err := d.keepChunk(); err != nil {
				return err
			}
		}
		d.buf = d.buf[:0]
	}
	d.buf = d.buf[:to%chunk]
	d.pos = to
	d.u.publish(d.buf, d.pos)
	return nil
}

// endMember checks a member of which all bytes have come, the last of them with err, and gives these out.
func (d *decoding) endMember(err error) error {
	if d.e.Size >= 0 && (err == nil || err == io.EOF) {
		err = d.check()
	}
	if err != nil && d.in.Failed(err) != nil {
		return err
	}
	if err != nil && d.e.Size >= 0 {
		d.spoil(err)
	}
	d.r = nil
	return d.kept()
}

// spoil notes that the member is wrong.
func (d *decoding) spoil(err error) {
	if !isFault(err) {
		err = fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	d.damaged = true
	d.u.spoil(d.e, d.start, d.pos, err)
}

// check holds a member against its size and its checksum.
func (d *decoding) check() error {
	end, err := atEnd(d.r)
	switch {
	case err != nil:
		return err
	case !end:
		return fmt.Errorf("%w: longer than the %d bytes that it should have", ErrCorrupt, d.e.Size)
	case d.e.HasCRC && d.sum != d.e.CRC:
		return fmt.Errorf("%w: the checksum is wrong", ErrCorrupt)
	}
	return nil
}

// broken goes over a member whose reader has failed.
func (d *decoding) broken(err error) error {
	if d.in.Failed(err) != nil || d.e == nil {
		return err
	}
	if err == io.EOF {
		err = fmt.Errorf("%w: it has %d bytes less than it should", ErrCorrupt, d.left)
	}
	d.spoil(err)
	d.r = nil
	return d.jump(d.start + max(d.e.Size, 0))
}

// endRun notes the end, which is right where no more is to come.
func (d *decoding) endRun() error {
	l := d.u.a.index().layout(d.u.run)
	if len(l.entries) > 0 && d.i+1 < len(l.entries) {
		return fmt.Errorf("%w: a run of %d members ends after %d", ErrCorrupt, len(l.entries), d.i+1)
	}
	_, complete, _ := d.u.a.index().status()
	if len(l.entries) > 0 && l.solid && !complete {
		return cacheError{errors.New("archive: its list is made anew")} // or nobody would have asked for more
	}
	if n := len(d.buf); n > 0 && n < cap(d.buf) {
		if err := d.keepLast(); err != nil {
			return err
		}
	}
	d.over = true
	d.u.finish(d.pos)
	return nil
}

// A checkpoint is a place that a run can be entered at.
type checkpoint struct {
	pos   int64
	sum   uint32 // CRC-32 of the member before pos
	state []byte // the format's
}

// note keeps a checkpoint of where the decoder is, if it can say one.
func (d *decoding) note() {
	c, ok := d.un.(checkpointer)
	if !ok {
		return
	}
	state := c.checkpoint()
	if state == nil {
		return
	}
	b := binary.LittleEndian.AppendUint32(make([]byte, 4, 8+len(state)), d.sum)
	b = append(b, state...)
	binary.LittleEndian.PutUint32(b, crc32.Checksum(b[4:], castagnoli()))
	if err := d.u.a.lib.cache.Save(d.u.key, checkpointName(d.pos), b); err != nil {
		d.u.a.lib.log.Debug("a checkpoint cannot be kept", "err", err)
	}
}

func checkpointName(pos int64) string { return fmt.Sprintf("at-%d", pos/checkpointed) }

// checkpoint returns the last one that is kept between from and place.
func (u *unpacking) checkpoint(place, from int64) (c checkpoint, ok bool) {
	if _, ok := u.a.formatOf().(resumer); !ok {
		return c, false
	}
	for pos := place / checkpointed * checkpointed; pos > from; pos -= checkpointed {
		b, err := u.a.lib.cache.Load(u.key, checkpointName(pos))
		if err == nil && len(b) > 8 && binary.LittleEndian.Uint32(b) == crc32.Checksum(b[4:], castagnoli()) {
			return checkpoint{pos, binary.LittleEndian.Uint32(b[4:]), b[8:]}, true
		}
	}
	return c, false
}
