import { createPool } from "generic-pool";
import { Pool as Tarn } from "tarn";

export interface Resource {
  readonly id: number;
}

let made = 0;
export async function create(): Promise<Resource> {
  made += 1;
  return { id: made };
}
export async function destroy(): Promise<void> {}

export function genericPool(max: number): ReturnType<typeof createPool<Resource>> {
  return createPool<Resource>({ create, destroy }, { max, min: 0 });
}

/** Made by the function of that name, which gives its reaper nothing to do: it holds a process alive otherwise. */
export function tarnPool(max: number): Tarn<Resource> {
  return new Tarn<Resource>({ create, destroy, min: 0, max, idleTimeoutMillis: 3_600_000 });
}
