/** The interface that the three cornerstone codecs share: bytes in, bytes out, through WebAssembly memory. */

type Decoder = {
  getEncodedBuffer(length: number): Uint8Array;
  getDecodedBuffer(): Uint8Array;
  decode(): void;
  delete?(): void;
};

/** @returns a copy of the decoded bytes, little endian. @throws Error for a broken codestream */
export function decodeWith(makeDecoder: () => Decoder, frame: Uint8Array): Uint8Array {
  const decoder = makeDecoder();
  try {
    decoder.getEncodedBuffer(frame.length).set(frame);
    decoder.decode();
    return decoder.getDecodedBuffer().slice();
  } catch (error) {
    throw error instanceof Error ? error : new Error('the codestream is broken');
  } finally {
    decoder.delete?.();
  }
}

export type DecoderModule<Name extends string> = Record<Name, new () => Decoder>;
