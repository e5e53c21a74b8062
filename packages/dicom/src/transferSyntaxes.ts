/** Transfer syntaxes (PS3.5 Annex A) that Ichor accepts: exactly those that it can decode. */

export type TransferSyntax = {
  readonly uid: string;
  readonly name: string;
  readonly encapsulated: boolean;
};

/** Those that code names. */
export const TRANSFER_SYNTAX = {
  implicitLittleEndian: '1.2.840.10008.1.2',
  explicitLittleEndian: '1.2.840.10008.1.2.1',
  deflatedExplicitLittleEndian: '1.2.840.10008.1.2.1.99',
  explicitBigEndian: '1.2.840.10008.1.2.2',
  rleLossless: '1.2.840.10008.1.2.5',
} as const;

const native = (uid: string, name: string): TransferSyntax => ({ uid, name, encapsulated: false });
const encapsulated = (uid: string, name: string): TransferSyntax => ({ uid, name, encapsulated: true });

export const TRANSFER_SYNTAXES: readonly TransferSyntax[] = [
  native(TRANSFER_SYNTAX.explicitLittleEndian, 'Explicit VR Little Endian'),
  native(TRANSFER_SYNTAX.implicitLittleEndian, 'Implicit VR Little Endian'),
  native(TRANSFER_SYNTAX.deflatedExplicitLittleEndian, 'Deflated Explicit VR Little Endian'),
  native(TRANSFER_SYNTAX.explicitBigEndian, 'Explicit VR Big Endian'),
  encapsulated(TRANSFER_SYNTAX.rleLossless, 'RLE Lossless'),
  encapsulated('1.2.840.10008.1.2.4.57', 'JPEG Lossless, Non-Hierarchical (Process 14)'),
  encapsulated('1.2.840.10008.1.2.4.70', 'JPEG Lossless, First-Order Prediction'),
  encapsulated('1.2.840.10008.1.2.4.80', 'JPEG-LS Lossless'),
  encapsulated('1.2.840.10008.1.2.4.81', 'JPEG-LS Near-Lossless'),
  encapsulated('1.2.840.10008.1.2.4.90', 'JPEG 2000 Lossless'),
  encapsulated('1.2.840.10008.1.2.4.91', 'JPEG 2000'),
  encapsulated('1.2.840.10008.1.2.4.201', 'HTJ2K Lossless'),
  encapsulated('1.2.840.10008.1.2.4.202', 'HTJ2K Lossless RPCL'),
  encapsulated('1.2.840.10008.1.2.4.203', 'HTJ2K'),
];

const BY_UID = new Map(TRANSFER_SYNTAXES.map((syntax) => [syntax.uid, syntax]));

/** The entry of the table, or null for one that is not accepted. */
export const transferSyntax = (uid: string): TransferSyntax | null => BY_UID.get(uid) ?? null;

/** What a sender may use, for error messages. */
export const supportedTransferSyntaxes = (): string => TRANSFER_SYNTAXES.map(({ uid }) => uid).join(', ');
