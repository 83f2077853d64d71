// Documents of the collector that are asked for, not streamed. The browser keeps them with their ETag.

export class ApiError extends Error {
  constructor(status) {
    super(`status ${status}`);
    this.status = status;
  }
}

/** GET a document below api/v1/. Raises ApiError; status 0 means that nobody answered. */
export async function get(base, path, parameters = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined));
  let response;
  try {
    response = await fetch(`${base}${path}${query.size ? `?${query}` : ""}`, { cache: "no-cache", signal: AbortSignal.timeout(15_000) });
  } catch {
    throw new ApiError(0);
  }
  if (!response.ok) throw new ApiError(response.status);
  return response.json();
}
