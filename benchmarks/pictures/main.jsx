// Draws one dashboard with the components of Perses. The page sets BOARD, PROMETHEUS and PAST (as in "30m") before it loads this.
import React from "react";
import { createRoot } from "react-dom/client";
import { CssBaseline, ThemeProvider } from "@mui/material";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { MemoryRouter } from "react-router-dom";
import { ChartsProvider, SnackbarProvider, generateChartsTheme, getTheme } from "@perses-dev/components";
import { PluginRegistry, RouterProvider, TimeRangeProvider, dynamicImportPluginLoader } from "@perses-dev/plugin-system";
import { Dashboard, DashboardProvider, DatasourceStoreProvider, VariableProvider } from "@perses-dev/dashboards";
import * as bar from "@perses-dev/bar-chart-plugin";
import * as history from "@perses-dev/status-history-chart-plugin";
import * as prometheus from "@perses-dev/prometheus-plugin";
import * as stat from "@perses-dev/stat-chart-plugin";
import * as table from "@perses-dev/table-plugin";
import * as timeseries from "@perses-dev/timeseries-chart-plugin";

const plugins = [prometheus, timeseries, stat, table, bar, history];
const loader = dynamicImportPluginLoader(plugins.map((each) => ({ resource: each.getPluginModule(), importPlugin: () => Promise.resolve(each) })));
const theme = getTheme("dark");
const source = { kind: "GlobalDatasource", metadata: { name: "prometheus" }, spec: { default: true, plugin: { kind: "PrometheusDatasource", spec: { directUrl: window.PROMETHEUS, scrapeInterval: "5s" } } } };
const sources = {
  buildProxyUrl: () => window.PROMETHEUS,
  getDatasource: async () => undefined,
  getGlobalDatasource: async () => source,
  listDatasources: async () => [],
  listGlobalDatasources: async () => [source],
};
const client = new QueryClient({ defaultOptions: { queries: { refetchOnWindowFocus: false, retry: 0 } } });
const board = window.BOARD;

createRoot(document.getElementById("root")).render(
  <MemoryRouter>
    <ThemeProvider theme={theme}>
      <CssBaseline />
      <ChartsProvider chartsTheme={generateChartsTheme(theme, {})}>
        <SnackbarProvider>
          <QueryClientProvider client={client}>
            <RouterProvider RouterComponent={({ to, children, ...rest }) => <a href={to} {...rest}>{children}</a>} navigate={() => {}}>
              <PluginRegistry pluginLoader={loader} defaultPluginKinds={{ Panel: "TimeSeriesChart", TimeSeriesQuery: "PrometheusTimeSeriesQuery" }}>
                <DatasourceStoreProvider datasourceApi={sources} dashboardResource={board}>
                  <DashboardProvider initialState={{ dashboardResource: board, isEditMode: false }}>
                    <TimeRangeProvider timeRange={{ pastDuration: window.PAST }}>
                      <VariableProvider initialVariableDefinitions={[]}>
                        <Dashboard />
                      </VariableProvider>
                    </TimeRangeProvider>
                  </DashboardProvider>
                </DatasourceStoreProvider>
              </PluginRegistry>
            </RouterProvider>
          </QueryClientProvider>
        </SnackbarProvider>
      </ChartsProvider>
    </ThemeProvider>
  </MemoryRouter>,
);
