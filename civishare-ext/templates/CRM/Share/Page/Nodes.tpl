{* The list of nodes. *}
<div class="crm-block crm-content-block">
  {if !$hasLocal}
    <div class="messages warning no-popup">{ts domain="civishare"}This site has no local node yet, so nothing is shared. Create it first.{/ts}</div>
  {/if}
  {if $nodes}
    <table class="selector row-highlight">
      <thead>
        <tr>
          <th>{ts domain="civishare"}Name{/ts}</th>
          <th>{ts domain="civishare"}Identifier{/ts}</th>
          <th>{ts domain="civishare"}This site{/ts}</th>
          <th>{ts domain="civishare"}Enabled{/ts}</th>
          <th></th>
        </tr>
      </thead>
      {foreach from=$nodes item=node}
        <tr class="crm-entity{if !$node.is_enabled} disabled{/if}">
          <td>{$node.name|escape}</td>
          <td><code>{$node.identifier|escape}</code></td>
          <td>{if $node.is_local}{ts domain="civishare"}Yes{/ts}{/if}</td>
          <td>{if $node.is_enabled}{ts domain="civishare"}Yes{/ts}{else}{ts domain="civishare"}No{/ts}{/if}</td>
          <td class="nowrap">
            <a class="action-item crm-hover-button" href="{crmURL p='civicrm/admin/share/node' q="reset=1&id=`$node.id`"}">{ts domain="civishare"}Edit{/ts}</a>
            <a class="action-item crm-hover-button" href="{crmURL p='civicrm/admin/share/node/delete' q="reset=1&id=`$node.id`"}">{ts domain="civishare"}Delete{/ts}</a>
          </td>
        </tr>
      {/foreach}
    </table>
  {/if}
  <div class="action-link">
    <a class="button" href="{crmURL p='civicrm/admin/share/node' q='reset=1'}"><span>{ts domain="civishare"}New node{/ts}</span></a>
    <a class="button" href="{crmURL p='civicrm/admin/share/peerings' q='reset=1'}"><span>{ts domain="civishare"}Peerings{/ts}</span></a>
  </div>
</div>
