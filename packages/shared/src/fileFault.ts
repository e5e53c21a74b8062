/** A file that the file system does not give is told apart from a file whose content is bad: only the second says something of its sender. */
import { IchorError } from './errors.ts';

/** ENOENT, EACCES, EIO, ESTALE, EMFILE, …: what the operating system said, not what a file holds. */
export function isFileFault(thrown: unknown): thrown is NodeJS.ErrnoException {
  const { code, syscall } = (thrown ?? {}) as NodeJS.ErrnoException;
  return typeof syscall === 'string' && /^E[A-Z0-9]+$/.test(code ?? '');
}

/** @throws IchorError FILE_UNREADABLE for faults of the file system; what else `read` throws passes */
export async function readingFile<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (thrown) {
    throw isFileFault(thrown) ? fileUnreadable(path, thrown) : thrown;
  }
}

export function fileUnreadable(path: string, fault: NodeJS.ErrnoException): IchorError {
  const reason = fault.message.split(',')[0]!;
  return new IchorError('FILE_UNREADABLE', { path, reason }, fault);
}

/** Whether a file was not there, of all that a store may say of it. */
export const isMissing = (thrown: unknown): boolean =>
  thrown instanceof IchorError &&
  thrown.code === 'FILE_UNREADABLE' &&
  ['ENOENT', 'ENOTDIR'].includes((thrown.cause as NodeJS.ErrnoException | undefined)?.code ?? '');
