// The finder of metrics is no part of a dashboard.
export const useExplorerManagerContext = () => ({});
export const useExplorerQueryParams = () => "";
