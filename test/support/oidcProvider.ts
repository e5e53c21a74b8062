/** Starts the provider of oidcProviderProcess.ts, and knows the settings of Ichor that fit to it. */
import { join } from 'node:path';
import { startProgram } from './processes.ts';

/** @param origin of Ichor, where the provider sends people back to */
export function oidcSettings(port: number, origin: string): Record<string, string> {
  return {
    ICHOR_PUBLIC_URL: origin,
    ICHOR_OIDC_ISSUER: `http://127.0.0.1:${port}`,
    ICHOR_OIDC_CLIENT_ID: 'ichor',
    ICHOR_OIDC_CLIENT_SECRET: 'a secret & of: the test',
    ICHOR_OIDC_ROLES: 'neuro-readers=radiologist,pacs-admins=administrator',
  };
}

export async function startOidcProvider(port: number, origin: string): Promise<{ stop(): Promise<void> }> {
  const program = startProgram(process.execPath, [
    join(import.meta.dirname, 'oidcProviderProcess.ts'),
    String(port),
    origin,
  ]);
  await program.until(/provider listens/);
  return { stop: () => program.kill() };
}
