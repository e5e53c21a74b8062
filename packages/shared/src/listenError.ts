/** Why a port could not be opened, as an error that names the setting to change. */
import { IchorError, reasonOf } from './errors.ts';

/** @param variable that sets the port. @returns PORT_IN_USE or ADDRESS_UNUSABLE */
export function listenError(
  error: unknown,
  { bind, port, variable }: { readonly bind: string; readonly port: number; readonly variable: string },
): IchorError {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') return new IchorError('PORT_IN_USE', { port, address: bind, variable }, error);
  const reason = code === 'EACCES' ? 'this user may not open a port that low' : reasonOf(error);
  return new IchorError('ADDRESS_UNUSABLE', { address: bind, port, reason, variable }, error);
}
