{* The list of peerings and how each of them does. *}
<div class="crm-block crm-content-block">
  {if $nativeMissing}
    <div class="messages error no-popup">{ts domain="civishare"}The native module is missing or of another version, so nothing is sent or applied.{/ts} <a href="{crmURL p='civicrm/a/' f='/status'}">{ts domain="civishare"}System Status says how to get it.{/ts}</a></div>
  {/if}
  {if $storeError}
    <div class="messages error no-popup">{$storeError|escape}</div>
  {/if}
  {include file="CRM/Share/OwnAddress.tpl"}
  {if $peerings}
    <table class="selector row-highlight">
      <thead>
        <tr>
          <th>{ts domain="civishare"}Remote node{/ts}</th>
          <th>{ts domain="civishare"}State{/ts}</th>
          <th>{ts domain="civishare"}Goes out{/ts}</th>
          <th>{ts domain="civishare"}Comes in{/ts}</th>
          <th>{ts domain="civishare"}Waiting{/ts}</th>
          <th>{ts domain="civishare"}Last success{/ts}</th>
          <th>{ts domain="civishare"}Last error{/ts}</th>
          <th></th>
        </tr>
      </thead>
      {foreach from=$peerings item=peering}
        <tr class="crm-entity">
          <td>{$peering.name|escape}<br /><code>{$peering.identifier|escape}</code></td>
          <td>{$peering.state|escape}{if $peering.rotation}<br /><span class="description">{$peering.rotation|escape}</span>{/if}{if $peering.resync}<br /><span class="description">{$peering.resync|escape}</span>{/if}</td>
          <td>{foreach from=$peering.out item=type}{$type|escape}<br />{/foreach}</td>
          <td>{foreach from=$peering.in item=type}{$type|escape}<br />{/foreach}</td>
          <td>{if $healthKnown}{$peering.backlog|escape}{/if}</td>
          <td>{$peering.lastSuccess|escape}</td>
          <td style="overflow-wrap: anywhere">
            {if $peering.lastError}
              {$peering.lastError|escape}<br />
              <span class="description">
                {if $peering.failingSince}{ts domain="civishare" 1=$peering.failingSince|escape}Failing since %1.{/ts}{/if}
                {if $peering.nextAttempt}{ts domain="civishare" 1=$peering.nextAttempt|escape}Next attempt %1.{/ts}{/if}
              </span>
            {/if}
          </td>
          <td class="nowrap">
            <a class="action-item crm-hover-button" href="{crmURL p='civicrm/admin/share/peering' q="reset=1&id=`$peering.id`"}">{ts domain="civishare"}Edit{/ts}</a>
            {if $peering.lastError && !$peering.ended}<a class="action-item crm-hover-button" href="{crmURL p='civicrm/admin/share/peering/resume' q="reset=1&id=`$peering.id`"}">{ts domain="civishare"}Try again{/ts}</a>{/if}
            <span class="btn-slide crm-hover-button">{ts domain="civishare"}more{/ts}
              <ul class="panel">
                {if !$peering.ended}<li><a class="action-item crm-hover-button" href="{crmURL p='civicrm/admin/share/peering/resync' q="reset=1&id=`$peering.id`"}">{ts domain="civishare"}Resynchronise{/ts}</a></li>{/if}
                {if $peering.hasSecret && !$peering.ended}<li><a class="action-item crm-hover-button" href="{crmURL p='civicrm/admin/share/peering/secret' q="reset=1&id=`$peering.id`"}">{ts domain="civishare"}Change secret{/ts}</a></li>{/if}
                {if !$peering.ended}<li><a class="action-item crm-hover-button" href="{crmURL p='civicrm/admin/share/peering/end' q="reset=1&id=`$peering.id`"}">{ts domain="civishare"}End{/ts}</a></li>{/if}
                <li><a class="action-item crm-hover-button" href="{crmURL p='civicrm/admin/share/peering/delete' q="reset=1&id=`$peering.id`"}">{ts domain="civishare"}Delete{/ts}</a></li>
              </ul>
            </span>
          </td>
        </tr>
      {/foreach}
    </table>
    {if $dead}
      <div class="messages warning no-popup">{ts domain="civishare" count=$dead plural='%count changes could not be delivered or applied.'}One change could not be delivered or applied.{/ts} <a href="{crmURL p='civicrm/admin/share/letters' q='reset=1'}">{ts domain="civishare"}Show{/ts}</a></div>
    {/if}
  {/if}
  <div class="action-link">
    <a class="button" href="{crmURL p='civicrm/admin/share/peering' q='reset=1'}"><span>{ts domain="civishare"}New peering{/ts}</span></a>
    <a class="button" href="{crmURL p='civicrm/admin/share/nodes' q='reset=1'}"><span>{ts domain="civishare"}Nodes{/ts}</span></a>
    <a class="button" href="{crmURL p='civicrm/admin/share/settings' q='reset=1'}"><span>{ts domain="civishare"}Settings{/ts}</span></a>
  </div>
</div>
